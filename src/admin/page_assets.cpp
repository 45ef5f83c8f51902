// The admin page's style and script: served beside it, so that nothing inline has to be allowed.
#include "weir/admin/pages.h"

namespace weir::admin {

std::string_view page_css() {
  return R"css(
:root { color-scheme: light dark;
  --ground: #f4f6f8; --card: #fff; --ink: #17212b; --quiet: #66727f; --line: #e3e8ec;
  --good: #177245; --warn: #8f5f00; --bad: #b3261e; --accent: #0b6e8f;
  --good-soft: #ddf3e6; --warn-soft: #fdf0cf; --bad-soft: #fbe1df; --plain-soft: #e9eef2; }
@media (prefers-color-scheme: dark) { :root {
  --ground: #10161c; --card: #18212a; --ink: #e6edf3; --quiet: #8d9aa7; --line: #26323d;
  --good: #5fd39a; --warn: #f0c25a; --bad: #ff8a80; --accent: #5cc3e6;
  --good-soft: #143325; --warn-soft: #372c10; --bad-soft: #3d1b19; --plain-soft: #24303a; } }
* { box-sizing: border-box; margin: 0; }
body { background: var(--ground); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
nav { display: flex; gap: 1.25rem; align-items: center; padding: .7rem max(1.5rem, 50vw - 38rem);
  background: var(--card); border-bottom: 1px solid var(--line); }
nav b { color: var(--accent); letter-spacing: .04em; font-size: 1.1rem; }
a { color: var(--quiet); text-decoration: none; } a:hover { color: var(--accent); }
#link { margin-left: auto; color: var(--quiet); font-size: .85rem; }
#link.bad { color: var(--bad); }
button { font: inherit; font-size: .85rem; color: var(--ink); background: var(--plain-soft);
  border: 1px solid var(--line); border-radius: 6px; padding: .3rem .8rem; cursor: pointer; }
button:hover { border-color: var(--accent); }
main, footer { max-width: 79rem; margin: 0 auto; padding: 1.5rem; }
header { display: flex; justify-content: space-between; gap: 1rem; margin-bottom: 1.5rem; }
.right { text-align: right; }
h1 { font-size: 1.7rem; line-height: 1.2; } h2 { font-size: 1.1rem; margin: 2rem 0 .75rem; }
h3 { font-size: 1rem; }
.quiet { color: var(--quiet); font-size: .87rem; }
.tiles { display: grid; gap: .75rem; grid-template-columns: repeat(auto-fill, minmax(15rem, 1fr)); }
.tile, article, .empty { background: var(--card); border: 1px solid var(--line); border-radius: 10px; }
.tile { padding: .75rem .9rem; } .empty { padding: 1rem; }
.tile h3 { display: flex; justify-content: space-between; gap: .3rem; white-space: nowrap;
  font-size: .78rem; font-weight: 500; color: var(--quiet); }
.tile strong { font-size: 1.4rem; font-variant-numeric: tabular-nums; white-space: nowrap; }
.tile em { font-style: normal; color: var(--accent); font-variant-numeric: tabular-nums; }
.tile.bad strong { color: var(--bad); } .tile.good strong { color: var(--good); }
article { margin-bottom: .75rem; overflow: hidden; }
.title { display: flex; flex-wrap: wrap; gap: .4rem .8rem; align-items: center;
  padding: .75rem 1rem; border-bottom: 1px solid var(--line); }
.title .quiet { margin-left: auto; }
.scroll { overflow-x: auto; }
table { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums; }
th { text-align: left; font-size: .78rem; font-weight: 500; color: var(--quiet); }
th, td { padding: .42rem 1rem; white-space: nowrap; }
tbody tr { border-top: 1px solid var(--line); } tbody tr:hover { background: var(--ground); }
td.long { white-space: normal; overflow-wrap: anywhere; min-width: 14rem; }
.number { text-align: right; } .number + td:has(meter) { padding-left: 0; }
th.number[colspan] { text-align: left; }
code { font: .87rem ui-monospace, monospace; }
.badge { display: inline-block; font-size: .78rem; font-weight: 600; border-radius: 99px;
  padding: .08rem .6rem; margin-right: .3rem; background: var(--plain-soft); }
.badge.good { background: var(--good-soft); color: var(--good); }
.badge.warn { background: var(--warn-soft); color: var(--warn); }
.badge.bad { background: var(--bad-soft); color: var(--bad); }
meter { width: 5rem; height: .5rem; border: 0; border-radius: 4px; background: none;
  appearance: none; vertical-align: middle; }
@supports (-moz-appearance: none) { meter { background: var(--plain-soft); } }
meter::-webkit-meter-inner-element { display: block; height: .5rem; }
meter::-webkit-meter-bar { height: .5rem; margin: 0; border: 0; border-radius: 4px;
  background: var(--plain-soft); }
meter::-webkit-meter-optimum-value { border-radius: 4px; background: var(--accent); }
meter::-moz-meter-bar { border-radius: 4px; background: var(--accent); }
meter.good::-webkit-meter-optimum-value { background: var(--good); }
meter.good::-moz-meter-bar { background: var(--good); }
meter.warn::-webkit-meter-optimum-value { background: var(--warn); }
meter.warn::-moz-meter-bar { background: var(--warn); }
meter.bad::-webkit-meter-optimum-value { background: var(--bad); }
meter.bad::-moz-meter-bar { background: var(--bad); }
)css";
}

std::string_view page_js() {
  return R"js(
"use strict";
// The server renders; this fetches the rendering again and shows what changed per second.
const live = document.getElementById("live");
const link = document.getElementById("link");
let before = null;

function counters() {
  const counts = new Map();
  for (const tile of live.querySelectorAll("[data-count]")) {
    counts.set(tile.dataset.name, Number(tile.dataset.count));
  }
  return { at: performance.now(), counts };
}

function showRates() {
  const now = counters();
  for (const tile of live.querySelectorAll("[data-count]")) {
    const name = tile.dataset.name;
    if (!before || now.counts.get(name) < 0 || !before.counts.has(name)) continue;
    const passed = (now.at - before.at) / 1000;
    const rate = (now.counts.get(name) - before.counts.get(name)) / passed;
    if (rate < 0) continue;
    const digits = rate > 0 && rate < 10 ? 1 : 0;
    tile.querySelector("[data-rate]").textContent = rate.toFixed(digits) + "/s";
  }
  before = now;
}

async function refresh() {
  try {
    const answer = await fetch("live", { cache: "no-store", signal: AbortSignal.timeout(3000) });
    if (!answer.ok) throw new Error(answer.statusText);
    live.innerHTML = await answer.text();
    link.textContent = "live";
    link.className = "";
    showRates();
  } catch {
    link.textContent = "not reachable, trying again";
    link.className = "bad";
  }
  setTimeout(refresh, document.hidden ? 5000 : 1000);
}

for (const button of document.querySelectorAll("[data-post]")) {
  button.addEventListener("click", async () => {
    const answer = await fetch(button.dataset.post, { method: "POST", headers: { "weir-admin": "1" } });
    const text = await answer.text();
    if (!answer.ok) alert(text);
  });
}

before = counters();
setTimeout(refresh, 1000);
)js";
}

}  // namespace weir::admin
