// The memory band, drawn by uPlot. Loaded only when there is something to draw.
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import { bytes } from '$lib/text/format'

const HEIGHT = 96

export interface Band {
  /** Wall-clock seconds of every sample. */
  times: number[]
  held: number[]
  shared: number[]
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
  const axis = { stroke: ink, font, grid: { stroke: line, width: 1 }, ticks: { show: false } }
  const plot = new uPlot(
    {
      width: Math.max(parent.clientWidth, 120),
      height: HEIGHT,
      padding: [6, 0, 0, 0],
      legend: { show: false },
      cursor: { y: false, points: { show: false }, drag: { setScale: false, x: false, y: false } },
      scales: { x: { time: true }, y: { range: (_, __, max) => [0, Math.max(max * 1.08, 50e6)] } },
      axes: [
        {
          ...axis,
          size: 20,
          gap: 3,
          grid: { show: false },
          space: 90,
          values: (_, splits) => splits.map((at) => hourMinute(at)),
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
        { stroke: color('text-chart-shared'), fill: fade(color('text-chart-shared'), 0.3), width: 1 },
        { stroke: color('text-chart-held'), fill: fade(color('text-chart-held'), 0.34), width: 1.5 },
      ],
      hooks: { setCursor: [({ cursor }) => onHover(cursor.idx ?? null)] },
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

function stacked({ times, held, shared }: Band): uPlot.AlignedData {
  return [times, held.map((value, index) => value + (shared[index] ?? 0)), held]
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
