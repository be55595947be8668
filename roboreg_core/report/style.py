"""How a report looks: on a screen light or dark, wide or narrow, and on paper. No fonts but the reader's own."""

STYLE = """
:root { --paper: #fff; --ink: #1b2733; --soft: #55626f; --line: #cbd5df; --panel: #f3f6f9; --gain: #00609a;
  --loss: #a84a00; color-scheme: light dark; }
@media screen and (prefers-color-scheme: dark) {
  :root { --paper: #12181f; --ink: #e8edf2; --soft: #a9b6c3; --line: #3a4755; --panel: #1d2630; --gain: #7cc4ee;
    --loss: #ffa469; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2.5rem 1.5rem 3rem; max-width: 62rem; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, "Segoe UI", Roboto, "Liberation Sans", sans-serif; overflow-wrap: break-word; }
h1 { font-size: 1.9rem; line-height: 1.25; margin: 0.2rem 0 0.8rem; }
h2 { font-size: 1.3rem; margin: 2.8rem 0 0.6rem; padding-top: 0.8rem; border-top: 1px solid var(--line); }
p { margin: 0.5rem 0; }
.kicker, .lead, .note, footer, figcaption + p { color: var(--soft); }
.note, footer { font-size: 0.88rem; }
.warning { border-left: 4px solid var(--loss); background: var(--panel); padding: 0.6rem 0.9rem; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(12rem, 1fr)); gap: 0.9rem; margin: 1.4rem 0; }
.tile { border: 1px solid var(--line); border-radius: 0.5rem; padding: 0.7rem 0.9rem; }
.tile p { margin: 0; }
.tile .label, .tile .change { color: var(--soft); font-size: 0.88rem; }
.tile .value { font-size: 1.7rem; line-height: 1.4; }
.gain { color: var(--gain); font-weight: 600; }
.loss { color: var(--loss); font-weight: 600; }
figure { margin: 1.2rem 0; }
figcaption, caption, summary { font-weight: 600; text-align: left; padding: 0.3rem 0; }
caption { caption-side: top; }
.wide { overflow-x: auto; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(24rem, 100%), 1fr)); gap: 0 1.5rem; }
svg { display: block; max-width: 100%; height: auto; }
table { border-collapse: collapse; margin: 0.8rem 0; font-size: 0.92rem; font-variant-numeric: tabular-nums; }
th, td { padding: 0.28rem 0.8rem 0.28rem 0; border-bottom: 1px solid var(--line); text-align: start;
  vertical-align: top; }
thead th { color: var(--soft); font-weight: 600; vertical-align: bottom; }
tbody th { font-weight: 400; min-width: 7rem; max-width: 22rem; }
tbody th, td[dir] { overflow-wrap: anywhere; }
td[dir] { min-width: 4.5rem; }
td[dir]:last-child { min-width: 11rem; }
td[dir]:nth-child(2):last-child { min-width: 14rem; }
td.number { white-space: nowrap; }
td.faint, td.faint data { color: var(--soft); opacity: 0.75; }
.swatch { display: inline-block; width: 1.1em; margin-right: 0.4em; text-align: center; font-variant-emoji: text;
  print-color-adjust: exact; -webkit-print-color-adjust: exact; }
pre { background: var(--panel); border: 1px solid var(--line); border-radius: 0.4rem; padding: 0.7rem 0.9rem;
  white-space: pre-wrap; font-size: 0.86rem; }
summary { cursor: pointer; }
@media (max-width: 40rem) {
  body { padding: 1.2rem 0.9rem 2rem; }
  h1 { font-size: 1.45rem; }
  .wide > svg { min-width: 30rem; }
}
@media print {
  @page { margin: 16mm; }
  body { max-width: none; padding: 0; font-size: 10.5pt; }
  h2 { break-after: avoid; margin-top: 1.6rem; }
  .tiles { grid-template-columns: repeat(4, 1fr); }
  .tile .value { font-size: 1.35rem; }
  table { font-size: 7.5pt; }
  th, td { padding-right: 0.4rem; }
  tbody th, td[dir], td[dir]:last-child { min-width: 3.6rem; }
  .pair { grid-template-columns: 1fr 1fr; }
  figure, .tile, tr, pre { break-inside: avoid; }
  figcaption, caption { break-after: avoid; }
  thead { display: table-header-group; }
  .wide { overflow: visible; }
  svg { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
"""
