// The memory band, drawn by uPlot. Loaded only when there is something to draw.
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import { bytes } from '$lib/text/format'

const HEIGHT = 96
/** The axis shows at least this much time, so that the first samples do not stretch over all of it. */
const SHORTEST_S = 600
/** Fewer samples than this are drawn as one level. */
const FEW = 3
const NICE = [1, 1.5, 2, 3, 4, 5, 7.5, 10]

export interface Band {
  /** Wall-clock seconds of every sample. */
  times: number[]
  held: number[]
  shared: number[]
  /** Seconds between two samples. */
  step: number
}

export interface Chart {
  update(band: Band): void
  resize(width: number): void
  destroy(): void
}

/** Draws into `parent`; `onHover` gets the index under the pointer, or null. */
export function draw(parent: HTMLElement, band: Band, onHover: (index: number | null) => void): Chart {
  const color = colors(parent)
  const ink = color('text-muted')
  const line = color('text-line')
  const font = `11px ${getComputedStyle(parent).fontFamily}`
  const stepped = uPlot.paths.stepped?.({ align: -1 })
  const axis = { stroke: ink, font, grid: { stroke: line, width: 1 }, ticks: { show: false } }
  // A sample stands for the seconds before it: levels, no slopes that nobody measured.
  const level: uPlot.Series = { points: { show: false }, ...(stepped ? { paths: stepped } : {}) }
  const plot = new uPlot(
    {
      width: Math.max(parent.clientWidth, 120),
      height: HEIGHT,
      padding: [6, 0, 0, 0],
      legend: { show: false },
      cursor: { y: false, points: { show: false }, drag: { setScale: false, x: false, y: false } },
      scales: {
        x: { time: true, range: (_, min, max) => [Math.min(min, max - SHORTEST_S), max] },
        y: { range: (_, __, max) => [0, roof(max)] },
      },
      axes: [
        {
          ...axis,
          size: 20,
          gap: 3,
          grid: { show: false },
          space: 90,
          incrs: [60, 120, 300, 600, 900, 1800, 3600],
          // A label that the edge would cut is left out.
          values: (plot, splits) => splits.map((at) => (plot.valToPos(at, 'x') < 16 ? '' : hourMinute(at))),
        },
        {
          ...axis,
          side: 1,
          size: 62,
          gap: 6,
          space: 28,
          values: (_, splits) => splits.map((v) => (v ? bytes(v) : '')),
        },
      ],
      series: [
        {},
        { ...level, stroke: color('text-chart-shared'), fill: fade(color('text-chart-shared'), 0.3), width: 1 },
        { ...level, stroke: color('text-chart-held'), fill: fade(color('text-chart-held'), 0.34), width: 1.5 },
      ],
      hooks: { setCursor: [({ cursor }) => onHover(cursor.idx == null ? null : Math.max(0, cursor.idx - 1))] },
    },
    stacked(band),
    parent,
  )
  return {
    update: (next) => plot.setData(stacked(next)),
    resize: (width) => plot.setSize({ width: Math.max(width, 120), height: HEIGHT }),
    destroy: () => plot.destroy(),
  }
}

/** One column more than there are samples: the first one has a width, too. */
export function stacked({ times, held, shared, step }: Band): [number[], (number | null)[], (number | null)[]] {
  const both = held.map((value, index) => value + (shared[index] ?? 0))
  const first = both.findIndex((value) => value > 0)
  const few = first < 0 || both.length - first < FEW
  // Nothing is drawn before there was something.
  const drawn = (values: number[]) =>
    Array.from({ length: values.length + 1 }, (_, column) =>
      column < first ? null : (values.at(few ? -1 : Math.max(column - 1, first)) ?? 0),
    )
  return [[(times[0] ?? 0) - step, ...times], drawn(both), drawn(held)]
}

/** A round number above `max` that stays the same while `max` moves a little. */
export function roof(max: number): number {
  const least = Math.max(max * 1.05, 50e6)
  const unit = 10 ** Math.floor(Math.log10(least))
  return (NICE.find((nice) => nice * unit >= least) ?? 10) * unit
}

function hourMinute(at: number): string {
  const date = new Date(at * 1000)
  return `${String(date.getHours()).padStart(2, '0')}:${String(date.getMinutes()).padStart(2, '0')}`
}

/** Reads tokens as the theme resolves them now. */
function colors(parent: HTMLElement): (token: string) => string {
  return (token) => {
    const probe = document.createElement('span')
    probe.className = token
    parent.append(probe)
    const { color } = getComputedStyle(probe)
    probe.remove()
    return color
  }
}

function fade(color: string, alpha: number): string {
  return color.replace(/\s*(\/[^)]*)?\)$/, (_, had: string | undefined) => (had ? `${had})` : ` / ${alpha})`))
}
