// Finds a Chromium of this machine: nothing is downloaded for tests.
import { existsSync } from 'node:fs'

const PLACES = [
  process.env.EBB_CHROMIUM,
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/usr/bin/google-chrome-stable',
  '/usr/bin/microsoft-edge',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  'C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe',
]

/** Launch options for Playwright. */
export function chromium() {
  const executablePath = PLACES.find((place) => place && existsSync(place))
  // Chromium refuses its sandbox to root, as in containers.
  const args = process.getuid?.() === 0 ? ['--no-sandbox'] : []
  return executablePath ? { executablePath, args } : { args }
}
