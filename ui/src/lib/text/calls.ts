// Calls in a line each: what was asked, and what came of it. Both are hostile text.
import { cleanLines } from './hostile'

/** `element: Pay now, ref: e62`; what is no JSON (it may be cut) as it is. */
export function asked(args: string): string {
  try {
    const parsed: unknown = JSON.parse(args)
    if (parsed === null || typeof parsed !== 'object' || Array.isArray(parsed)) return args
    return cleanLines(
      Object.entries(parsed)
        .map(([name, value]) => `${name}: ${typeof value === 'string' ? value : JSON.stringify(value)}`)
        .join(', '),
    ).replaceAll('\n', ' ')
  } catch {
    return args
  }
}

/** The lines of a result as one; a page's address and title are one part of it. */
export function answered(result: string): string {
  const parts: string[] = []
  let url = ''
  for (const line of result.split('\n')) {
    const [, name, value = ''] = /^Page (URL|Title): (.*)$/.exec(line) ?? []
    if (name === 'URL') {
      url = value
      parts.push(value)
    } else if (name === 'Title' && url !== '' && parts.at(-1) === url) {
      if (value !== '') parts[parts.length - 1] = `${value}, ${url}`
    } else if (line !== '') parts.push(line)
  }
  return parts.join(' · ')
}
