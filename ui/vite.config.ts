import { fileURLToPath } from 'node:url'
import { svelte } from '@sveltejs/vite-plugin-svelte'
import tailwindcss from '@tailwindcss/vite'
import { playwright } from '@vitest/browser-playwright'
import { defineConfig } from 'vitest/config'
import { chromium } from './scripts/chromium.mjs'

const testing = process.env.VITEST !== undefined

export default defineConfig({
  // Relative addresses: the same files are served under tauri:// and from an HTTP root.
  base: './',
  plugins: [svelte(), tailwindcss()],
  resolve: {
    alias: { $lib: fileURLToPath(new URL('./src/lib', import.meta.url)) },
    ...(testing ? { conditions: ['browser'] } : {}),
  },
  build: {
    target: ['chrome123', 'safari17.5'],
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    reportCompressedSize: false,
    // How long plugins take is of no use to whoever starts Ebb for the first time.
    rolldownOptions: { checks: { pluginTimings: false, bundlerTimings: false } },
  },
  server: { port: 5173, strictPort: true },
  test: {
    include: ['tests/**/*.test.ts'],
    testTimeout: 45_000,
    browser: {
      enabled: true,
      headless: true,
      screenshotFailures: false,
      provider: playwright({ launchOptions: chromium() }),
      instances: [{ browser: 'chromium', viewport: { width: 1080, height: 720 } }],
    },
  },
})
