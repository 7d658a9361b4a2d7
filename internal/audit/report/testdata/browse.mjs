// Opens pages in headless Chromium, and prints what it saw as JSON.
//
// Its argument is a JSON object: chromium (the program), axe (its source file), pages (files), and
// shots, a list of {page, scheme, file}. For each page it prints the requests besides that of the page,
// errors and dialogues, the numbers, the faults that axe finds in each colour scheme, and what is wider
// than a narrow screen.
import { readFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import playwright from 'playwright-core'

const { chromium: program, axe, pages, shots } = JSON.parse(process.argv[2])
const axeSource = axe ? readFileSync(axe, 'utf8') : ''
const browser = await playwright.chromium.launch({ executablePath: program, args: ['--no-sandbox', '--disable-dev-shm-usage'] })

// open opens a page in a context of its own, and writes down what it does.
async function open(file, options, seen) {
  const context = await browser.newContext({ viewport: { width: 1200, height: 900 }, ...options })
  const page = await context.newPage()
  const address = pathToFileURL(file).href
  page.on('request', (request) => request.url() === address || seen.requests.push(request.url()))
  page.on('requestfailed', (request) => seen.failed?.push(request.failure().errorText))
  page.on('console', (message) => ['error', 'warning'].includes(message.type()) && seen.errors.push(message.text()))
  page.on('pageerror', (error) => seen.errors.push(String(error)))
  page.on('dialog', (dialog) => { seen.errors.push(`a dialogue: ${dialog.message()}`); return dialog.dismiss() })
  await page.goto(address)
  return { context, page }
}

// read returns the numbers of a page, and whether what is folded can be seen.
const read = () => ({
  verdict: document.querySelector('#verdict').dataset.verdict,
  counts: Object.fromEntries([...document.querySelectorAll('[data-count]')].map((one) => [one.dataset.count, Number(one.textContent.replaceAll(',', ''))])),
  rows: Object.fromEntries(['.input', '.found', '.gap', '.accepted-by', '.passed', '.inapplicable', 'figure'].map((one) => [one, document.querySelectorAll(one).length])),
  scripts: document.querySelectorAll('script, iframe, object, embed, form, base, link, img, [style]').length,
  handlers: [...document.querySelectorAll('*')].filter((one) => one.getAttributeNames().some((name) => name.startsWith('on'))).length,
  styled: getComputedStyle(document.querySelector('.skip')).position === 'absolute',
  folded: [...document.querySelectorAll('details tbody')].map((one) => one.checkVisibility({ contentVisibilityAuto: true }) && one.getBoundingClientRect().height > 0),
})

const wide = () => [...document.querySelectorAll('*')]
  .filter((one) => !one.closest('.stack thead') && one.scrollWidth > one.clientWidth + 1 && one.clientWidth > 0 && getComputedStyle(one).overflowX !== 'hidden' && getComputedStyle(one).display !== 'inline')
  .map((one) => `${one.tagName}.${one.className.baseVal ?? one.className} is ${one.scrollWidth} wide`)

const texts = () => [...document.querySelectorAll('figure > svg text')]
  .filter((one) => one.getBoundingClientRect().right > one.ownerSVGElement.getBoundingClientRect().right + 1)
  .map((one) => `the text "${one.textContent}" is cut off`)

// leave tries what the policy of the page is to stop: a request, and a script.
const leave = () => {
  const image = new Image()
  image.src = 'https://example.invalid/x.png'
  const script = document.createElement('script')
  script.textContent = 'window.ran = true'
  document.head.append(script)
  return new Promise((resolve) => image.onerror = () => resolve(window.ran === true))
}

const result = []
for (const file of pages) {
  const seen = { requests: [], errors: [], axe: {}, wide: [] }
  const first = await open(file, { colorScheme: 'light' }, seen)
  Object.assign(seen, await first.page.evaluate(read))
  await first.page.emulateMedia({ media: 'print' })
  seen.printed = (await first.page.evaluate(read)).folded
  await first.context.close()

  const plain = await open(file, { javaScriptEnabled: false }, seen)
  seen.withoutScript = await plain.page.locator('.found').count()
  await plain.context.close()

  for (const scheme of ['light', 'dark']) {
    const { context, page } = await open(file, { colorScheme: scheme }, seen)
    await page.evaluate(() => document.querySelectorAll('details').forEach((one) => { one.open = true }))
    await page.evaluate(axeSource)
    for (const width of [1200, 360]) {
      await page.setViewportSize({ width, height: 800 })
      if (width === 360) {
        if (await page.evaluate(() => document.documentElement.scrollWidth > document.documentElement.clientWidth)) seen.wide.push('the page scrolls sideways')
        seen.wide.push(...await page.evaluate(wide), ...await page.evaluate(texts))
      }
      const found = await page.evaluate(() => axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }))
      seen.axe[`${scheme} ${width}`] = { passes: found.passes.length, violations: found.violations.map((one) => `${one.id}: ${one.help}: ${one.nodes.map((node) => node.html + ' ' + node.failureSummary).join(' | ').slice(0, 1500)}`) }
    }
    await context.close()
  }
  const unwatched = { requests: [], errors: [], failed: [] }
  const last = await open(file, {}, unwatched)
  seen.ran = await last.page.evaluate(leave)
  seen.stopped = unwatched.errors.filter((one) => one.includes('Content Security Policy')).length
  seen.left = unwatched.requests.length - unwatched.failed.filter((one) => one === 'csp').length
  await last.context.close()
  result.push(seen)
}
for (const { page: file, scheme, file: shot } of shots) {
  const { context, page } = await open(file, { colorScheme: scheme, viewport: { width: 1040, height: 2200 } }, { requests: [], errors: [] })
  await page.screenshot({ path: shot })
  await context.close()
}
await browser.close()
console.log(JSON.stringify(result))
