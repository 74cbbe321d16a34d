// The files of the fake user: client configurations and settings, kept in memory.
import type { Act, PlanView, SettingKind, SettingsView, SettingView, SetupView } from '$lib/bindings'

const HOME = '/home/mara'
const EBB = '/usr/bin/ebb'

const JSON_SNIPPET = JSON.stringify({ mcpServers: { ebb: { command: EBB, args: ['connect'] } } }, null, 2)

export function setup(id: string, name: string, file: string, over: Partial<SetupView> = {}): SetupView {
  return {
    id,
    name,
    state: 'not_set_up',
    file: `${HOME}/${file}`,
    problem: null,
    command: null,
    connected: 0,
    can_undo: false,
    snippet: JSON_SNIPPET,
    snippet_for: `Put into ${HOME}/${file}`,
    then: `Restart ${name}`,
    ...over,
  }
}

/** `empty` has a machine on which nothing is set up yet. */
export function setupsOf(scenario: string): SetupView[] {
  const bare = scenario === 'empty' || scenario === 'no-browser'
  const set = bare ? {} : ({ state: 'set_up', command: EBB } as const)
  return [
    setup('claude-code', 'Claude Code', '.claude.json', {
      ...set,
      connected: bare ? 0 : 1,
      then: 'Start a new Claude Code session',
      snippet: `claude mcp add --scope user ebb -- ${EBB} connect`,
      snippet_for: 'Run in a terminal',
    }),
    setup('cursor', 'Cursor', '.cursor/mcp.json', { ...set, connected: bare ? 0 : 1 }),
    setup('vscode', 'VS Code', '.config/Code/User/mcp.json', { ...set, can_undo: !bare }),
    setup(
      'codex',
      'Codex',
      '.codex/config.toml',
      bare ? {} : { state: 'repair', command: '/opt/old/ebb', problem: 'It names /opt/old/ebb, which is not there.' },
    ),
    setup(
      'zed',
      'Zed',
      '.config/zed/settings.json',
      bare ? {} : { state: 'unreadable', problem: 'Line 14: expected comma.' },
    ),
    setup('gemini', 'Gemini CLI', '.gemini/settings.json'),
    setup('claude-desktop', 'Claude Desktop', '.config/Claude/claude_desktop_config.json', { state: 'not_installed' }),
    setup('windsurf', 'Windsurf', '.codeium/windsurf/mcp_config.json', { state: 'not_installed' }),
    setup('opencode', 'opencode', '.config/opencode/opencode.json', { state: 'not_installed' }),
    setup('copilot', 'Copilot CLI', '.copilot/mcp-config.json', { state: 'not_installed' }),
  ]
}

export function planOf(of: SetupView, act: Act): PlanView {
  const mark = act === 'add' ? 'added' : 'removed'
  const lines = ['    "ebb": {', `      "command": "${EBB}",`, '      "args": ["connect"]', '    }']
  return {
    client: of.id,
    act,
    file: of.file,
    creates: act === 'add' && of.state === 'not_installed',
    mark: `${of.id} ${act}`,
    diff: [
      { mark: 'same', number: 1, text: '{' },
      { mark: 'same', number: 2, text: '  "mcpServers": {' },
      { mark: 'same', number: 3, text: '    "tracker": { "command": "npx", "args": ["-y", "@tracker/mcp"] },' },
      ...lines.map((text, index) => ({ mark, number: 4 + index, text }) as const),
      { mark: 'same', number: 8, text: '  }' },
      { mark: 'gap', number: null, text: '' },
    ],
  }
}

const number = (min: number, max: number, unit = ''): SettingKind => ({ kind: 'number', min, max, unit })
const flag: SettingKind = { kind: 'switch' }

function setting(
  key: string,
  about: string,
  kind: SettingKind,
  value: string,
  over: Partial<SettingView> = {},
): SettingView {
  return { key, about, kind, value, default: value, set: false, running: null, restart: false, ...over }
}

export function settingsOf(scenario: string): SettingsView {
  const broken = scenario === 'degraded'
  return {
    file: `${HOME}/.config/ebb/config.toml`,
    exists: scenario !== 'empty',
    problems: broken
      ? [
          { line: 7, key: 'sessions.idel', message: 'no setting is called so (did you mean sessions.idle_minutes?)' },
          { line: 12, key: 'history.days', message: 'expected a whole number from 1 to 3650' },
        ]
      : [],
    login: true,
    settings: [
      setting(
        'sessions.idle_minutes',
        'Without a call for this long a session ends whose client’s process is not known. 0: never.',
        number(0, 43200, 'min'),
        '30',
      ),
      setting(
        'sessions.idle_known_process_minutes',
        'The same while the client’s process is known to live. 0: never.',
        number(0, 43200, 'min'),
        '480',
      ),
      setting(
        'sessions.stream_lost_minutes',
        'The same for an HTTP client that had an event stream and lost it. 0: never.',
        number(0, 43200, 'min'),
        '30',
      ),
      setting(
        'sessions.reconnect_grace_seconds',
        'How long the session of a client that left waits for it to come back. 0: not at all.',
        number(0, 3600, 's'),
        '0',
      ),
      setting('sessions.max', 'Sessions in all.', number(1, 10000), '12', {
        default: '256',
        set: true,
        running: '256',
        restart: true,
      }),
      setting('sessions.max_per_process', 'Sessions of one client process.', number(1, 10000), '16'),
      setting('sessions.max_tabs', 'Tabs of one session.', number(1, 1000), '32'),
      setting(
        'cursors.store',
        'Where long results are kept: memory, sqlite, or the URL of a Redis.',
        { kind: 'store' },
        broken ? 'redis://127.0.0.1:6379/0' : 'memory',
        { default: 'memory', set: broken },
      ),
      setting('cursors.ttl_minutes', 'How long a cursor is kept after it was read last.', number(1, 1440, 'min'), '15'),
      setting('cursors.max_session_mb', 'Megabytes of one session’s cursors.', number(1, 65536, 'MB'), '64'),
      setting('devtools.max_console', 'Console entries kept for each tab.', number(10, 1000000), '2000'),
      setting('browser.executable', 'This Chromium, Chrome or Edge, whatever else is installed.', { kind: 'text' }, ''),
      setting('browser.no_sandbox', 'Run Chromium without its sandbox even where it would work.', flag, 'false', {
        running: 'true',
      }),
      setting('browser.headed', 'Sessions that do not say otherwise get a window.', flag, 'false'),
      setting('browser.extra_args', 'Arguments added to Chromium’s command line.', { kind: 'words' }, ''),
      setting('cleanup.browser_ms', 'Milliseconds that the browser step may take.', number(500, 60000, 'ms'), '3000'),
      setting('calls.navigation_seconds', 'Seconds that a navigation may take.', number(1, 600, 's'), '60'),
      setting('history.days', 'Days that past cleanups are kept.', number(1, 3650, 'days'), '30'),
      setting(
        'log.level',
        'What is written to the log: error, warn, info, debug or trace. RUST_LOG wins over it.',
        { kind: 'choice', choices: ['error', 'warn', 'info', 'debug', 'trace'] },
        'info',
      ),
      setting(
        'notifications.problems',
        'Tell when a cleanup had problems, or something could not be cleaned up.',
        flag,
        'true',
      ),
      setting(
        'notifications.memory',
        'Tell when sessions hold more than the limit; once, until they hold less than 80 % of it.',
        flag,
        'true',
      ),
      setting(
        'notifications.memory_mb',
        'Megabytes of all sessions from which that is told.',
        number(100, 1048576, 'MB'),
        '2000',
      ),
      setting('notifications.idle', 'Tell when a session ended because nobody used it.', flag, 'false'),
      setting(
        'window.theme',
        'Colours of the dashboard: system, light or dark.',
        { kind: 'choice', choices: ['system', 'light', 'dark'] },
        'system',
      ),
      setting(
        'window.hide_pages',
        'Show no pictures, titles and whole addresses of pages in the dashboard, for sharing a screen.',
        flag,
        'false',
      ),
      setting('window.single_keys', 'Shortcuts of one letter, such as / for the filter.', flag, 'true'),
      setting('window.ask_before_quit', 'Ask before Ebb is quit while sessions are open.', flag, 'true'),
    ],
  }
}

/** What is wrong with a value, as the host would say it. */
export function wrong({ key, kind }: SettingView, value: string): string | null {
  if (kind.kind === 'number' && !(/^\d+$/.test(value) && +value >= kind.min && +value <= kind.max)) {
    return `${key}: expected a whole number from ${kind.min} to ${kind.max}`
  }
  if (kind.kind === 'store' && !/^(memory|sqlite|rediss?:\/\/.+)$/.test(value)) {
    return `${key}: expected "memory", "sqlite" or a URL such as "redis://127.0.0.1:6379/0"`
  }
  return null
}
