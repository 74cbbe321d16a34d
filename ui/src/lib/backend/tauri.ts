// The dashboard's own window: one command, one channel.
import { Channel, invoke } from '@tauri-apps/api/core'
import type { Numbered, Reply, Snapshot } from '$lib/bindings'
import { type Backend, type StreamState, toError } from './backend'

type Message = { snapshot: Snapshot } | Numbered | Exclude<StreamState, { state: 'refused' }>

export function tauriBackend(): Backend {
  return {
    dispatch: (command) => invoke<Reply>('dispatch', { command }),
    thumb: (session, tab, version) => `thumb://localhost/${encodeURIComponent(session)}/${tab}?v=${version}`,
    subscribe(onSnapshot, onEvent, onState) {
      let open = true
      const channel = new Channel<Message>((message) => {
        if (!open) return
        if ('snapshot' in message) onSnapshot(message.snapshot)
        else if ('state' in message) onState(message)
        else onEvent(message)
      })
      invoke('subscribe', { channel }).catch((thrown: unknown) => {
        const { message, next } = toError(thrown)
        if (open) onState({ state: 'refused', message, ...(next ? { next } : {}) })
      })
      return () => {
        open = false
      }
    },
  }
}
