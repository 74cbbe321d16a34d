// How settings are called and grouped. What a setting does is said by Ebb itself.

export interface Group {
  id: string
  title: string
  /** Sections of the file. */
  sections: string[]
}

export const GROUPS: readonly Group[] = [
  { id: 'general', title: 'General', sections: ['window'] },
  { id: 'notifications', title: 'Notifications', sections: ['notifications'] },
  { id: 'sessions', title: 'Sessions', sections: ['sessions'] },
  { id: 'cursors', title: 'Cursors', sections: ['cursors'] },
  { id: 'browser', title: 'Browser', sections: ['browser', 'devtools', 'calls'] },
  { id: 'cleanup', title: 'Cleanup and history', sections: ['cleanup', 'history'] },
  { id: 'advanced', title: 'Advanced', sections: ['log'] },
]

const LABELS: Record<string, string> = {
  'window.theme': 'Theme',
  'window.hide_pages': 'Hide page content',
  'window.single_keys': 'Single-letter shortcuts',
  'window.ask_before_quit': 'Ask before quitting',
  'notifications.problems': 'Cleanup problems',
  'notifications.browser': 'Browser problems',
  'notifications.memory': 'Much memory held',
  'notifications.memory_mb': 'Memory limit',
  'notifications.idle': 'Unused session ended',
  'notifications.clients': 'Client connects or leaves',
  'sessions.idle_minutes': 'Idle timeout',
  'sessions.idle_known_process_minutes': 'Idle timeout of a living client',
  'sessions.stream_lost_minutes': 'Idle timeout without a stream',
  'sessions.reconnect_grace_seconds': 'Grace after a disconnect',
  'sessions.max': 'Sessions',
  'sessions.max_per_process': 'Sessions of a client',
  'sessions.max_clients': 'Clients',
  'sessions.max_clients_per_process': 'Clients of a process',
  'sessions.max_calls': 'Calls at once',
  'sessions.max_tabs': 'Tabs of a session',
  'cursors.store': 'Kept in',
  'cursors.ttl_minutes': 'Time to live',
  'cursors.max_age_minutes': 'Longest life',
  'cursors.max_per_session': 'Cursors of a session',
  'cursors.max_session_mb': 'Size of a session’s cursors',
  'cursors.max_total_mb': 'Size of all cursors',
  'cursors.page_tokens': 'Tokens of a page',
  'devtools.max_console': 'Console entries',
  'devtools.max_network': 'Network entries',
  'devtools.max_session_mb': 'Size of a session’s buffers',
  'browser.executable': 'Browser',
  'browser.no_sandbox': 'Without sandbox',
  'browser.headed': 'With a window',
  'browser.endpoint': 'Browser elsewhere',
  'browser.extra_args': 'Extra arguments',
  'browser.max_session_mb': 'Memory of a session’s pages',
  'cleanup.devtools_ms': 'Limit of step DevTools',
  'cleanup.cursors_ms': 'Limit of step Cursors',
  'cleanup.browser_ms': 'Limit of step Browser',
  'calls.action_seconds': 'Limit of an action',
  'calls.navigation_seconds': 'Limit of a navigation',
  'history.days': 'Keep history',
  'history.reports': 'Keep at most',
  'log.level': 'Log',
}

export function settingLabel(key: string): string {
  const own = LABELS[key]
  if (own) return own
  const last = (key.split('.').at(-1) ?? key).replaceAll('_', ' ')
  return last.charAt(0).toUpperCase() + last.slice(1)
}

/** The group of a key; what is new and unknown here is advanced. */
export function groupOf(key: string): string {
  const section = key.split('.')[0] ?? ''
  return GROUPS.find(({ sections }) => sections.includes(section))?.id ?? 'advanced'
}

/** A value as people read it: `30 min`, `on`, `not set`. */
export function valueText(value: string, kind: { kind: string; unit?: string }): string {
  if (kind.kind === 'switch') return value === 'true' ? 'on' : 'off'
  if (value === '') return 'not set'
  return kind.unit ? `${value} ${kind.unit}` : value.replaceAll('\n', ' ')
}
