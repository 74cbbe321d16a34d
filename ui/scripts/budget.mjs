// Fails when the built dashboard is too heavy, or carries what only development may have.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'

const LIMIT = 150_000
const dist = fileURLToPath(new URL('../dist', import.meta.url))
const files = readdirSync(dist, { recursive: true, encoding: 'utf8' })
const problems = []
let total = 0

for (const file of files.filter((name) => name.endsWith('.js'))) {
  const text = readFileSync(join(dist, file))
  const size = gzipSync(text).length
  total += size
  console.log(`${String(size).padStart(8)} B gzip  ${file}`)
  if (text.includes('/home/mara/')) problems.push(`${file} carries the fake backend`)
}
const page = readFileSync(join(dist, 'index.html'), 'utf8')
if (/<script(?![^>]*\bsrc=)/.test(page)) problems.push('index.html has an inline script, which the CSP refuses')
if (/(?:src|href)="\//.test(page)) problems.push('index.html has an absolute address')
if (total > LIMIT) problems.push(`${total} B of JavaScript, at most ${LIMIT} are allowed`)

console.log(`${String(total).padStart(8)} B gzip  in all, of ${LIMIT}`)
for (const problem of problems) console.error(`budget: ${problem}`)
process.exitCode = problems.length > 0 ? 1 : 0
