// One shared tick for every relative time on screen.

const TICK_MS = 5000

class Clock {
  now = $state(Date.now())
  #timer: ReturnType<typeof setInterval> | undefined

  start(): () => void {
    this.now = Date.now()
    this.#timer = setInterval(() => {
      if (!document.hidden) this.now = Date.now()
    }, TICK_MS)
    return () => clearInterval(this.#timer)
  }
}

export const clock = new Clock()
