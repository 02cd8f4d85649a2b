// Links to another choice of the same page (`?table=orders`) choose without loading the page, which would jump to its top.

document.addEventListener('click', (event) => {
  if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return
  const link = event.composedPath().find((one) => one instanceof HTMLAnchorElement)
  const href = link?.getAttribute('href')
  if (href == null || !href.startsWith('?') || link.target === '_blank') return
  const location = locationModel()
  if (location == null) return
  event.preventDefault()
  const asked = new URLSearchParams(href), theme = new URLSearchParams(window.location.search).get('theme')
  if (theme != null) asked.set('theme', theme)
  location.search = `?${asked}`
})

// Panel's model of the address: what is set there reaches the server, and the browser's history.
function locationModel() {
  for (const doc of window.Bokeh?.documents ?? []) {
    for (const model of doc.all_models) {
      if (model.type === 'panel.models.location.Location') return model
    }
  }
  return null
}
