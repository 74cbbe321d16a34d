// Text that a client or page chose. It came cleaned from the host; attributes get a second pass here.

// eslint-disable-next-line no-control-regex -- these are exactly the characters that must go
const UNWANTED = /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]/g
const LONGEST = 300

/** For `title` and `aria-label`: no control or bidirectional characters, bounded. */
export function clean(text: string): string {
  const plain = text.replace(UNWANTED, '')
  return plain.length > LONGEST ? `${plain.slice(0, LONGEST - 1)}…` : plain
}

/** The same of a text of several lines, whole. */
export function cleanLines(text: string): string {
  return text
    .split('\n')
    .map((line) => line.replace(UNWANTED, ''))
    .join('\n')
}

/** The host of an address, or the address itself where it has none. */
export function hostOf(url: string): string {
  try {
    const { host, protocol } = new URL(url)
    return host || protocol
  } catch {
    return url
  }
}

/** The letter of a tile: of the first name that has one, else a digit. */
export function initial(...names: string[]): string {
  const found = names.map((name) => /\p{L}/u.exec(name)).find((match) => match) ?? /\p{N}/u.exec(names.join(''))
  return found?.[0].toUpperCase() ?? '?'
}
