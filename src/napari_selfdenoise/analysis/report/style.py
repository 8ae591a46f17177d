"""How the page looks: on a light and a dark screen, and printed."""

STYLE = """
:root { color-scheme: light dark; --back: #fbfbf9; --card: #ffffff; --text: #1c2024;
  --dim: #5c6570; --line: #dfe1e2; --accent: #0b6bcb; --warn: #a05a00; }
@media (prefers-color-scheme: dark) { :root { --back: #14161a; --card: #1c1f25;
  --text: #e8eaed; --dim: #9aa4b0; --line: #31363e; --accent: #7ab8ff; --warn: #ffb454; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2.5rem 1.5rem 4rem; max-width: 72rem; background: var(--back);
  color: var(--text); font: 16px/1.55 system-ui, -apple-system, "Segoe UI", sans-serif; }
h1 { margin: 0; font-size: 1.9rem; line-height: 1.2; overflow-wrap: anywhere; }
h2 { margin: 3rem 0 .4rem; padding-top: 1.1rem; border-top: 1px solid var(--line);
  font-size: 1.3rem; }
h3 { margin: 1.4rem 0 .5rem; font-size: 1.05rem; overflow-wrap: anywhere; }
p, ul { max-width: 48rem; margin: .5rem 0; }
ul { padding-left: 1.2rem; }
ul.warn { list-style: none; }
a { color: var(--accent); }
.dim, figcaption, .findings { color: var(--dim); }
.lead { font-size: 1.15rem; }
.warn { border-left: 3px solid var(--warn); padding-left: .8rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; margin: 1rem 0; font-variant-numeric: tabular-nums; }
th, td { padding: .4rem 1.1rem .4rem 0; text-align: right; vertical-align: baseline;
  border-bottom: 1px solid var(--line); white-space: nowrap; }
th { color: var(--dim); font-weight: 600; font-size: .85rem; }
th:first-child, td:first-child { text-align: left; }
.advice td, .advice th { text-align: left; white-space: normal; }
tr.best td { font-weight: 600; }
td small { display: block; color: var(--dim); font-weight: 400; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1.2rem;
  margin: .6rem 0; }
dt { color: var(--dim); }
dd { margin: 0; overflow-wrap: anywhere; }
.grid { display: grid; gap: 1.2rem; margin: 1rem 0;
  grid-template-columns: repeat(auto-fill, minmax(15rem, 1fr)); }
.card { padding: 1rem 1.3rem 1.2rem; margin: 1rem 0; background: var(--card);
  border: 1px solid var(--line); border-radius: .6rem; }
.card h3 { margin-top: 0; }
figure { margin: 0; min-width: 0; }
img { display: block; width: 100%; height: auto; border-radius: .3rem;
  image-rendering: pixelated; }
.grid > div > figure + figure { margin-top: .8rem; }
figcaption { margin-top: .35rem; font-size: .88rem; overflow-wrap: anywhere; }
figcaption b { color: var(--text); }
.findings { margin: .3rem 0 0; padding-left: 1.1rem; font-size: .85rem; }
.chart { display: block; width: 100%; margin-top: .4rem; }
.chart text { fill: var(--dim); font-size: 10px; }
.chart text.small { font-size: 8px; }
.chart .bar { fill: var(--accent); }
.chart .axis { stroke: var(--line); }
.chart .noise { stroke: var(--text); stroke-width: 2; }
.key { display: flex; gap: .7rem; align-items: center; font-size: .88rem; color: var(--dim); }
.key .bar { flex: 0 0 12rem; height: .7rem; border-radius: .35rem; }
.methods { padding: 1rem 1.3rem; border-left: 3px solid var(--accent); background: var(--card);
  max-width: 52rem; }
code { font-size: .9em; overflow-wrap: anywhere; }
@page { margin: 16mm; }
@media print { :root { --back: #fff; --card: #fff; --text: #000; --dim: #444; --line: #bbb;
  --accent: #0b4f99; --warn: #a05a00; color-scheme: light; }
  body { padding: 0; max-width: none; font-size: 10.5pt; }
  figure, .card, table, .methods { break-inside: avoid; }
  h2, h3, h2 + p, .key { break-after: avoid; }
  .grid { grid-template-columns: repeat(3, 1fr); }
  img, .bar, .chart { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  a { color: inherit; } }
"""
