import { expect, test } from 'vitest'
import { repairLanguage } from '../src/lib/locale'

test('a language that Intl refuses is replaced', () => {
  const of = { language: 'C', languages: ['C'] } as unknown as Navigator
  repairLanguage(of)
  expect(of.language).toBe('en')
  expect(() => new Intl.NumberFormat(of.language)).not.toThrow()
})

test('a usable language stays', () => {
  const of = { language: 'de-AT', languages: ['de-AT', 'de'] } as unknown as Navigator
  repairLanguage(of)
  expect(of.language).toBe('de-AT')
})
