/** The style sheets: of both colour schemes, of pictures, and of the page. */
import { COLOURS } from './style.ts'

/** Light, and dark where the system is. */
export const ROOT_CSS = `
:root{color-scheme:light dark;--text:#1c1e21;--soft:#5a6068;--ground:#fff;--grid:#d5d9de;--fine:#eceef1;--card:#f6f7f9}
@media(prefers-color-scheme:dark){:root{--text:#e6e8eb;--soft:#a3abb5;--ground:#16191d;--grid:#414852;--fine:#272c33;--card:#1e2227}}
`

const coloursCss = COLOURS.map((colour, index) => `.c${index}{color:${colour}}`).join('')

export const PICTURE_CSS = `.picture{font:12px system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
.picture text{fill:var(--text)}.picture .title{font-weight:600;font-size:14px}
.picture .soft{fill:var(--soft)}.picture .end{text-anchor:end}.picture .middle{text-anchor:middle}
.ground{fill:var(--ground)}.grid{stroke:var(--grid)}.fine{stroke:var(--fine)}.frame{fill:none;stroke:var(--soft)}
.line{fill:none;stroke:currentColor;stroke-width:1.8;stroke-linejoin:round}.ours{stroke-width:3}
.mark{fill:currentColor;stroke:currentColor;stroke-width:1.6}.mark.hollow{fill:var(--ground)}.whisker{stroke:currentColor;stroke-width:1.2;opacity:.6}
.bar{fill:currentColor}
${coloursCss}
`

export const PAGE_CSS = `body{margin:0 auto;padding:24px;max-width:1240px;background:var(--ground);color:var(--text);
font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
h1{font-size:26px;margin:0 0 4px}h2{font-size:20px;margin:44px 0 4px}h3{font-size:15px;margin:20px 0 4px}
p{margin:4px 0 12px;max-width:80ch}.soft{color:var(--soft)}nav a{margin-right:14px;display:inline-block}a{color:inherit}
.plots{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,520px),1fr));gap:14px;margin:12px 0}
.plots figure{margin:0;padding:4px;border:1px solid var(--grid);border-radius:6px}
.plots svg{display:block;width:100%;height:auto}
.table{overflow-x:auto}table{border-collapse:collapse;font-size:13px;font-variant-numeric:tabular-nums}
th,td{padding:3px 12px 3px 0;text-align:right;white-space:nowrap;border-bottom:1px solid var(--fine)}
th{color:var(--soft);font-weight:500;border-color:var(--grid)}.left{text-align:left}
details{margin:10px 0}summary{cursor:pointer}
@media print{.plots figure{break-inside:avoid}}
`
