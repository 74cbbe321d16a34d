// The keyboard map: one list, which the keys obey, the palette shows and `?` explains.

export interface Key {
  /** As `KeyboardEvent.key`, in lower case. */
  key: string
  /** Ctrl, or ⌘ on a Mac. */
  mod?: boolean
  /** Acts only where nobody types, and can be switched off. */
  single?: boolean
  text: string
  id: string
}

export const KEYS: readonly Key[] = [
  { id: 'palette', key: 'k', mod: true, text: 'Do anything' },
  { id: 'home', key: '1', mod: true, text: 'Home' },
  { id: 'cursors', key: '2', mod: true, text: 'Cursors' },
  { id: 'history', key: '3', mod: true, text: 'History' },
  { id: 'connect', key: '4', mod: true, text: 'Connect a client' },
  { id: 'settings', key: ',', mod: true, text: 'Settings' },
  { id: 'filter', key: '/', single: true, text: 'Filter what is shown' },
  { id: 'help', key: '?', single: true, text: 'These shortcuts' },
  { id: 'refresh', key: 'r', mod: true, text: 'Ask for everything anew' },
  { id: 'copy', key: 'c', mod: true, text: 'Copy the id of the row or session' },
  { id: 'end', key: 'backspace', mod: true, text: 'End the session of the row or page' },
]

/** What tables and dialogs do by themselves; only explained. */
export const OTHERS: readonly { keys: string[]; text: string }[] = [
  { keys: ['↑', '↓'], text: 'Move in a table' },
  { keys: ['Enter'], text: 'Open the row' },
  { keys: ['Space'], text: 'Select the session of the row' },
  { keys: ['Delete'], text: 'End the session or close the cursor' },
  { keys: ['Esc'], text: 'Back, or close' },
]

export const isMac = /Mac|iPhone|iPad/.test(navigator.platform)

/** `Ctrl K`, `⌘ K`. */
export function keyText({ key, mod }: Pick<Key, 'key' | 'mod'>): string[] {
  const names: Record<string, string> = { backspace: isMac ? '⌫' : 'Backspace' }
  const name = names[key] ?? key.toUpperCase()
  return mod ? [isMac ? '⌘' : 'Ctrl', name] : [name]
}

/** Whether somebody writes there. */
function types(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName))
}

/** Which of the keys an event is; `singles` is the setting. */
export function keyOf(event: KeyboardEvent, singles: boolean): Key | undefined {
  if (event.defaultPrevented || event.altKey) return undefined
  const mod = isMac ? event.metaKey : event.ctrlKey
  if (event.ctrlKey || event.metaKey ? !mod : false) return undefined
  const pressed = event.key.toLowerCase()
  const found = KEYS.find((key) => key.key === pressed && (key.mod ?? false) === mod)
  if (!found) return undefined
  if (found.single && (!singles || types(event.target))) return undefined
  // In a field these belong to the text.
  if ((found.id === 'copy' || found.id === 'end') && types(event.target)) return undefined
  if (found.id === 'copy' && getSelection()?.type === 'Range') return undefined
  return found
}
