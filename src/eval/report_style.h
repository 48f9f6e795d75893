// The look of the report: light and dark, wide and narrow. No scripts, no fonts, nothing from elsewhere.
#pragma once

namespace cobra::eval {

constexpr const char* kReportStyle = R"css(
:root { color-scheme: light dark; --bg: #f7f7f4; --card: #fff; --ink: #1d2329; --soft: #565f69; --line: #e1e3e0;
  --run: #0b6e5f; --run-bg: #e5f3ef; --bad: #b3402f; --bad-bg: #fbeae7; --bar: #9cccc1; }
@media (prefers-color-scheme: dark) { :root { --bg: #14171a; --card: #1d2125; --ink: #e4e7ea; --soft: #98a2ac;
  --line: #31373d; --run: #6fd0bd; --run-bg: #17332e; --bad: #f0907f; --bad-bg: #3a211d; --bar: #2f6f63; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--bg); color: var(--ink);
  font: 16px/1.5 system-ui, "Segoe UI", Roboto, "Helvetica Neue", sans-serif; }
main { max-width: 1080px; margin: 0 auto; padding: 24px 16px 64px; }
h1 { font-size: 1.8rem; line-height: 1.2; margin: 8px 0 4px; }
h2 { font-size: 1.3rem; margin: 48px 0 8px; padding-top: 12px; border-top: 1px solid var(--line); }
h3 { font-size: 1rem; margin: 24px 0 8px; }
p, .note { margin: 4px 0 12px; } .note, .n { color: var(--soft); font-size: .85rem; }
nav { display: flex; flex-wrap: wrap; gap: 8px; margin: 16px 0; }
nav a { padding: 4px 12px; border: 1px solid var(--line); border-radius: 999px; background: var(--card);
  color: var(--run); text-decoration: none; font-size: .9rem; }
.scroll { overflow-x: auto; background: var(--card); border: 1px solid var(--line); border-radius: 10px; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: 7px 14px; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap; }
th:first-child, td:first-child { text-align: left; white-space: normal; overflow-wrap: anywhere; min-width: 9em; }
tr:last-child > * { border-bottom: 0; } thead th { color: var(--soft); font-weight: 600; font-size: .85rem; }
td .n { display: block; line-height: 1.2; font-size: .8rem; }
.scroll tr > :first-child { position: sticky; left: 0; background: var(--card); }
.scroll tr.run > :first-child { background: var(--run-bg); }
@media (max-width: 960px) { th, td { padding: 6px 8px; } main { padding: 16px 12px 48px; } }
tr.run { background: var(--run-bg); } tr.run > * { color: var(--run); font-weight: 600; }
tr.run .n { font-weight: 400; }
.columns { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 380px), 1fr)); gap: 16px;
  align-items: start; margin: 16px 0; }
details, .box { background: var(--card); border: 1px solid var(--line); border-radius: 10px; overflow-x: auto; }
summary { padding: 8px 14px; cursor: pointer; font-weight: 600; }
.bar { width: 30%; } .bar div { height: 8px; border-radius: 4px; background: var(--bar); min-width: 1px; }
.gallery { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 240px), 1fr)); gap: 14px; }
.gallery.wide { grid-template-columns: repeat(auto-fill, minmax(min(100%, 340px), 1fr)); align-items: start; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 10px; overflow: hidden;
  border-top: 4px solid var(--run); }
.card.wrong { border-top-color: var(--bad); } .card.case { border-top-color: var(--line); }
.picture { background: var(--line); display: flex; justify-content: center; align-items: center;
  min-height: 120px; color: var(--soft); font-size: .85rem; }
.frame { position: relative; line-height: 0; } .frame img { max-width: 100%; height: auto; display: block; }
.frame i { position: absolute; border: 2px solid #fff; outline: 2px solid #0b6e5f; }
.frame i.answered { border-style: dashed; outline: 2px dashed #c2361f; }
.words { padding: 10px 14px 12px; overflow-wrap: anywhere; }
.words b, .words dd { unicode-bidi: isolate; white-space: pre-line; }
dl { margin: 6px 0 0; display: grid; grid-template-columns: fit-content(45%) 1fr; gap: 2px 10px; font-size: .92rem; }
dt { color: var(--soft); } dd { margin: 0; min-width: 0; }
.right dd.reply { color: var(--run); } .wrong dd.reply { color: var(--bad); }
)css";

}  // namespace cobra::eval
