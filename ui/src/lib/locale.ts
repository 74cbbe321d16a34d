// Some systems name their language in a way that is none: a session with LANG=C makes WebKitGTK say
// "C", which Intl refuses with an exception, and a library that formats numbers while it loads is
// broken for good. This runs before anything else and puts a language there that Intl takes.

function usable(language: string | undefined): language is string {
  try {
    return !!language && Intl.NumberFormat.supportedLocalesOf(language).length >= 0
  } catch {
    return false
  }
}

export function repairLanguage(of: Navigator): void {
  if (usable(of.language)) return
  const language = of.languages.find(usable) ?? 'en'
  Object.defineProperty(of, 'language', { value: language, configurable: true })
  Object.defineProperty(of, 'languages', { value: [language], configurable: true })
}

repairLanguage(navigator)
