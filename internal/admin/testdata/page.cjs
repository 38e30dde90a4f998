// Looks at the page in a browser, as a person would: page.cjs ADDRESS TOKEN EVIL [FOLDER FOR PICTURES]. EVIL is a text that
// clients have sent in every field. What is not as it should be is told, and the exit status is 1.
const { chromium } = require('playwright-core')
const [address, token, evil, pictures] = process.argv.slice(2)
const wrong = []
const check = (ok, what) => ok || wrong.push(what)

async function main(browser) {
  const context = await browser.newContext({ viewport: { width: 1320, height: 1000 } })
  const page = await context.newPage()
  page.on('console', (m) => ['error', 'warning'].includes(m.type()) && wrong.push(`console: ${m.text()}`))
  page.on('pageerror', (e) => wrong.push(`error: ${e.message}`))
  page.on('dialog', (d) => { wrong.push('a script of a client has run'); d.dismiss() })
  page.on('request', (r) => check(r.url().startsWith(address), `a request to ${r.url()}`))
  const view = (name) => page.evaluate((name) => { location.hash = '#/' + name }, name)

  await page.goto(`${address}/#token=${token}`)
  const line = page.locator('[data-route=orders] .s-answered').first()
  await line.waitFor({ state: 'attached' })
  check(!page.url().includes(token), 'the token stays in the address')

  // The charts move.
  const before = await line.getAttribute('d')
  await page.waitForFunction((before) => document.querySelector('[data-route=orders] .s-answered').getAttribute('d') !== before, before)
  await page.waitForFunction(() => Number(document.querySelector('[data-route=orders] svg').dataset.points) >= 4)
  check(/answered \d/.test(await page.locator('[data-route=orders] svg').first().getAttribute('aria-label')), 'the chart has no words')
  check(await page.locator('#health').textContent() === 'live', 'it is not live')

  // A refused message shows its reasons, and where they are.
  await view('refusals')
  await page.locator('code.path', { hasText: '/params/quantity' }).first().waitFor()
  await page.locator('code.path', { hasText: 'PID-3.1' }).first().waitFor()
  check(/want an integer/.test(await page.locator('tbody').textContent()), 'a refusal has no reason')

  // Its life.
  await page.locator('tbody tr', { hasText: '/params/quantity' }).locator('a').first().click()
  await page.locator('.steps .state', { hasText: 'refused' }).waitFor()
  check(/\/params\/quantity/.test(await page.locator('.steps').textContent()), 'the life of a refused request has no reason')
  await view('exchange/' + encodeURIComponent(evil))
  await page.locator('.empty').waitFor()
  check((await page.locator('h1').textContent()).includes(evil), 'what stands in the address is not shown as text')

  // The other views, in both themes, at the width of a telephone and by keyboard.
  for (const name of ['overview', 'requests', 'refusals', 'clients', 'backends', 'machines']) {
    await view(name)
    await page.locator(`#views a[data-view=${name}][aria-current=page]`).waitFor()
    for (const width of [360, 1320]) {
      await page.setViewportSize({ width, height: 900 })
      await page.waitForTimeout(150)
      const [wide, there] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth])
      check(wide <= there, `${name} is ${wide} wide on a screen of ${there}`)
    }
  }
  await page.waitForFunction(() => Number(document.querySelector('[data-state=serving] .count').textContent) >= 2)
  await view('clients')
  await page.locator('td', { hasText: 'serving' }).first().waitFor()
  await page.keyboard.press('1')
  await page.locator('#views a[data-view=overview][aria-current=page]').waitFor()
  const theme = () => page.evaluate(() => document.documentElement.dataset.theme)
  const was = await theme()
  await page.keyboard.press('t')
  check(was !== await theme(), 't does not change the theme')
  await page.keyboard.press('t')
  await page.keyboard.press('?')
  check(await page.locator('#keys').isVisible(), '? shows no keys')
  await page.keyboard.press('Escape')
  check(!await page.locator('#keys').isVisible(), 'Escape leaves the keys there')
  await page.keyboard.press('/')
  await page.locator('#find:focus').waitFor()

  if (pictures) await picture(browser)

  // A paused route shows as paused, and goes on.
  await view('overview')
  const orders = page.locator('[data-route=orders]')
  await orders.getByRole('button', { name: 'Pause' }).click()
  await orders.locator('.pill', { hasText: 'paused' }).waitFor()
  await page.locator('#health', { hasText: 'paused' }).waitFor()
  check(/is paused/.test(await page.locator('#toast').textContent()), 'nobody says that it was paused')
  await orders.getByRole('button', { name: 'Resume' }).click()
  await orders.locator('.pill', { hasText: 'open' }).waitFor()

  // Without the token nothing is changed, and the page asks for it.
  const stranger = await (await browser.newContext()).newPage()
  await stranger.goto(address)
  await stranger.locator('#token').waitFor()
  await stranger.locator('#token-value').fill('wrong')
  await stranger.keyboard.press('Enter')
  await stranger.locator('#health', { hasText: 'locked' }).waitFor()

  for (const node of await page.locator('script:not([src="/page/app.js"])').all()) wrong.push('a script that is not of the page: ' + await node.innerHTML())
  check(!await page.evaluate(() => window.evil), 'a script of a client has run')
}

// picture makes the pictures for the documentation.
async function picture(browser) {
  for (const [name, colorScheme] of [['page.png', 'light'], ['page-dark.png', 'dark']]) {
    const context = await browser.newContext({ viewport: { width: 1320, height: 985 }, colorScheme })
    const page = await context.newPage()
    await page.goto(`${address}/#token=${token}`)
    await page.waitForFunction(() => Number(document.querySelector('[data-route=orders] svg')?.dataset.points) >= 58, null, { timeout: 90000 })
    await page.screenshot({ path: `${pictures}/${name}` })
    await context.close()
  }
}

;(async () => {
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: ['--no-sandbox'] })
  try {
    await main(browser)
  } catch (err) {
    wrong.push(String(err))
  }
  await browser.close()
  if (wrong.length) {
    console.log(wrong.join('\n'))
    process.exit(1)
  }
})()
