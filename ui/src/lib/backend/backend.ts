// The one way to Ebb. Tauri window, HTTP page and fake speak the same Command, Reply and Numbered.
import type { Command, Error as EbbError, Numbered, Reply, Snapshot } from '$lib/bindings'

/** How the stream of events is doing. `refused` does not mend itself. */
export type StreamState =
  | { state: 'connected' }
  | { state: 'reconnecting'; since?: string }
  | { state: 'refused'; message: string; next?: string }

export interface Backend {
  /** Rejects with an `EbbError`. */
  dispatch(command: Command): Promise<Reply>
  /** A snapshot first and after every reconnection, events in between. Returns the way to stop. */
  subscribe(
    onSnapshot: (snapshot: Snapshot) => void,
    onEvent: (event: Numbered) => void,
    onState: (state: StreamState) => void,
  ): () => void
  /** Where a small picture of a tab is; `version` makes it another address, so that it is taken anew. */
  thumb(session: string, tab: number, version: number): string
}

type Answers = { [R in Reply as R['reply']]: R['data'] }
interface Replies {
  snapshot: Answers['snapshot']
  subscribe: Answers['snapshot']
  session: Answers['session']
  cursors: Answers['cursors']
  end_session: Answers['report']
  report: Answers['report']
  history: Answers['history']
  memory_history: Answers['memory']
  setups: Answers['setups']
  change_setup: Answers['setups']
  undo_setup: Answers['setups']
  plan_setup: Answers['plan']
  settings: Answers['settings']
  set: Answers['settings']
  reset_settings: Answers['settings']
  start_at_login: Answers['settings']
  thumbnail: Answers['thumbnail']
}
type Expected<C extends Command['command']> = C extends keyof Replies ? Replies[C] : number

/** Dispatches and unwraps the reply that belongs to the command. */
export async function ask<C extends Command>(backend: Backend, command: C): Promise<Expected<C['command']>> {
  const reply = await backend.dispatch(command)
  return reply.data as Expected<C['command']>
}

/** Whatever was thrown, as an error that can be shown. */
export function toError(thrown: unknown): EbbError {
  if (typeof thrown === 'object' && thrown !== null && 'code' in thrown && 'message' in thrown) {
    return thrown as EbbError
  }
  const message = thrown instanceof globalThis.Error ? thrown.message : String(thrown)
  return { code: 'internal', message, next: 'Try again. If it stays, look into the log of Ebb.' }
}
