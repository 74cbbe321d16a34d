import { vitePreprocess } from '@sveltejs/vite-plugin-svelte'

export default {
  preprocess: vitePreprocess(),
  // Packages may be older than runes; our own files may not.
  compilerOptions: { runes: ({ filename }) => (filename.includes('node_modules') ? undefined : true) },
}
