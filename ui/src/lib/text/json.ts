// JSON for people.
import { cleanLines } from './hostile'

/** JSON over several lines; what is none (it may be cut) as it is. Escapes become what they stand for: cleaned again. */
export function pretty(text: string): string {
  try {
    return cleanLines(JSON.stringify(JSON.parse(text), null, 2))
  } catch {
    return cleanLines(text)
  }
}
