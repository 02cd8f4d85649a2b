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
  for (const model of models('Plot')) {
    const view = window.Bokeh.index.find_one(model)
    if (view != null) yield view
  }
}

// What Tabulator leaves out of its tables: roles that screen readers understand, and sorting by keyboard.
function mend() {
  for (const model of models('DataTabulator')) {
    const table = window.Bokeh.index.find_one(model)?.shadow_el?.querySelector('.tabulator')
    if (table == null) continue
    const header = table.querySelector(':scope > .tabulator-header')
    const holder = table.querySelector(':scope > .tabulator-tableholder')
    if (header == null || holder == null) continue
    // The buttons of its pages may not stand in a grid, so the rows alone are one. Its header is elsewhere in the tree.
    table.setAttribute('role', 'group')
    table.removeAttribute('aria-owns')
    header.id = 'header'
    holder.setAttribute('role', 'grid')
    holder.setAttribute('aria-owns', 'header')
    holder.setAttribute('aria-label', 'Rows')
    for (const empty of table.querySelectorAll('.empty')) empty.setAttribute('aria-hidden', 'true')
    for (const column of table.querySelectorAll('.tabulator-sortable:not(.empty):not([tabindex])')) {
      column.tabIndex = 0
      column.addEventListener('keydown', (event) => {
        if (event.target !== column || (event.key !== 'Enter' && event.key !== ' ')) return
        event.preventDefault()
        column.click()
      })
    }
  }
}

function* models(type) {
  for (const doc of window.Bokeh?.documents ?? []) {
    for (const model of doc.all_models) if (model.type.endsWith(type)) yield model
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
  window.setInterval(mend, 500) // Tables come, go and change columns, and nothing tells when they are drawn.
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
