// System, light or dark; remembered where the browser lets us.

export const THEMES = ['system', 'light', 'dark'] as const
export type Theme = (typeof THEMES)[number]
const KEY = 'ebb.theme'

function remembered(): Theme {
  try {
    const stored = localStorage.getItem(KEY)
    return THEMES.find((theme) => theme === stored) ?? 'system'
  } catch {
    return 'system'
  }
}

class ThemeChoice {
  value = $state<Theme>(remembered())

  set(theme: Theme) {
    this.value = theme
    document.documentElement.dataset.theme = theme
    try {
      localStorage.setItem(KEY, theme)
    } catch {
      // Private windows may refuse; the choice then lasts as long as the page.
    }
  }

  apply() {
    document.documentElement.dataset.theme = this.value
  }

  /** Shown at once; whoever asks writes it down. */
  next(): Theme {
    this.set(THEMES[(THEMES.indexOf(this.value) + 1) % THEMES.length] ?? 'system')
    return this.value
  }
}

export const theme = new ThemeChoice()
