// Counts how often a reactive value is drawn anew.
export function watch(read: () => unknown, drawn: () => void): () => void {
  return $effect.root(() => {
    $effect(() => {
      read()
      drawn()
    })
  })
}
