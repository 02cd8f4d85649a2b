// What browsers do by themselves: the theme, Back and Forward, and reloading after the server restarted.

// Links to a page that stood at `/` before there was a start page still lead to it.
const moved = JSON.parse(document.querySelector('meta[name=moved]')?.content ?? '{}')
const page = Object.keys(moved).find((choice) => new URLSearchParams(window.location.search).has(choice))
if (page) window.location.replace(`.${moved[page]}${window.location.search}`)

// The theme in the address (`?theme=dark`), else the one chosen earlier, else the system's.
const system = window.matchMedia('(prefers-color-scheme: dark)')
function theme() {
  const asked = new URLSearchParams(window.location.search).get('theme')
  if (asked === 'dark' || asked === 'light') return asked
  try {
    const kept = window.localStorage.getItem('theme')
    if (kept === 'dark' || kept === 'light') return kept
  } catch { /* This browser stores nothing. */ }
  return system.matches ? 'dark' : 'light'
}

function show(name) {
  document.documentElement.dataset.theme = name
  document.getElementById('theme')?.setAttribute('aria-pressed', String(name === 'dark'))
  // Plots read their colours from the page when they paint.
  for (const view of plots()) view.request_repaint()
}

function* plots() {
  for (const doc of window.Bokeh?.documents ?? []) {
    for (const model of doc.all_models) {
      const view = model.type === 'Plot' ? window.Bokeh.index.find_one(model) : null
      if (view != null) yield view
    }
  }
}

function toggle() {
  const name = document.documentElement.dataset.theme === 'dark' ? 'light' : 'dark'
  try { window.localStorage.setItem('theme', name) } catch { /* As above. */ }
  const address = new URL(window.location.href)
  if (address.searchParams.has('theme')) {
    address.searchParams.delete('theme')
    window.history.replaceState(null, '', address)
  }
  show(name)
}

show(theme())
system.addEventListener('change', () => show(theme()))

// Panel writes choices to the address but does not follow Back and Forward, so load what the address says.
window.addEventListener('popstate', () => window.location.reload())

document.addEventListener('DOMContentLoaded', () => {
  document.getElementById('theme').addEventListener('click', toggle)
  // A jump to a fragment would look like Back to the listener above.
  document.querySelector('.skip').addEventListener('click', (event) => {
    event.preventDefault()
    document.getElementById('content').focus()
  })
  show(theme())
  window.setTimeout(follow, 1000)
})

// The websocket ended: the server stopped, or this machine slept. The session is gone; the address has all choices.
function follow() {
  const doc = window.Bokeh?.documents?.[0]
  if (doc == null) return window.setTimeout(follow, 1000)
  doc.on_event('connection_lost', () => {
    document.getElementById('lost').hidden = false
    const again = async () => {
      try {
        if ((await fetch(window.location.href, {method: 'HEAD', cache: 'no-store'})).status < 500) window.location.reload()
      } catch { /* The server is still down. */ }
    }
    window.setInterval(again, 2000)
  })
}
