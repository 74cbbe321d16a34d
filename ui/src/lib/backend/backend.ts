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
}

type Answers = { [R in Reply as R['reply']]: R['data'] }
type Expected<C extends Command['command']> = C extends 'snapshot' | 'subscribe'
  ? Answers['snapshot']
  : C extends 'session'
    ? Answers['session']
    : C extends 'end_session' | 'report'
      ? Answers['report']
      : C extends 'history'
        ? Answers['history']
        : number

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
