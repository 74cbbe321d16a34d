// Which rows of a long table are drawn: those in view and some around them. The page itself scrolls.

const OVERSCAN = 12

export class Scrolling {
  top = $state(0)
  height = $state(800)
  readonly row: number

  constructor(row: number) {
    this.row = row
  }

  /** First and last row to draw, of `count`. */
  window(count: number): { first: number; last: number } {
    const first = Math.max(0, Math.min(count, Math.floor(this.top / this.row) - OVERSCAN))
    const last = Math.min(count, Math.max(first, Math.ceil((this.top + this.height) / this.row) + OVERSCAN))
    return { first, last }
  }

  /** An attachment for the element around the rows: follows the nearest scroller. */
  follow = (element: HTMLElement) => {
    const scroller = element.closest('main') ?? document.documentElement
    const measure = () => {
      this.top = Math.max(0, scroller.getBoundingClientRect().top - element.getBoundingClientRect().top)
      this.height = Math.min(scroller.clientHeight, window.innerHeight)
    }
    measure()
    scroller.addEventListener('scroll', measure, { passive: true })
    const resized = new ResizeObserver(measure)
    resized.observe(scroller)
    return () => {
      scroller.removeEventListener('scroll', measure)
      resized.disconnect()
    }
  }
}
