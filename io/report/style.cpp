#include "io/report/style.h"

#include <array>

namespace plait::report {
namespace {

constexpr std::array<const char*, kSeriesColours> kLight = {"#0072b2", "#d55e00", "#009e73", "#8a5fbf", "#b8860b",
                                                            "#c2185b", "#2f8fbd", "#6b7a1e", "#5d6470", "#8d4b2a"};
constexpr std::array<const char*, kSeriesColours> kDark = {"#5ab4e8", "#ff9a57", "#4fd0a5", "#c3a3f0", "#e6c04e",
                                                           "#ff86b3", "#9bdcf7", "#c3cf6b", "#b4bcc8", "#d9a183"};

std::string declared(const std::array<const char*, kSeriesColours>& colours, const char* rest) {
  std::string css = rest;
  for (std::size_t k = 0; k < colours.size(); ++k) css += "--c" + std::to_string(k) + ":" + colours[k] + ";";
  return css;
}

}  // namespace

std::string series_colour(std::size_t k) {
  return "var(--c" + std::to_string(k % kSeriesColours) + ")";
}

std::string colour_css(const std::string& selector) {
  const char* light =
      "--paper:#fff;--ink:#1b1f24;--faint:#5b6470;--rule:#c9d0d8;--band:#f2f4f7;--good:#1a7f37;"
      "--bad:#b42318;--open:#7a5c00;";
  const char* dark =
      "--paper:#14171b;--ink:#e7eaee;--faint:#a3adb8;--rule:#414a54;--band:#1e2329;--good:#6bd48c;"
      "--bad:#ff9b90;--open:#e3c15e;";
  return selector + "{color-scheme:light;" + declared(kLight, light) +
         "}@media screen and (prefers-color-scheme:dark){" + selector + "{color-scheme:dark;" + declared(kDark, dark) +
         "}}";
}

std::string page_css() {
  return colour_css(":root") +
         "*{box-sizing:border-box}"
         "body{margin:0 auto;max-width:1120px;padding:1.5rem;background:var(--paper);color:var(--ink);"
         "font:16px/1.5 system-ui,sans-serif}"
         "h1{line-height:1.2}h2{margin-top:3rem;border-bottom:1px solid var(--rule)}h3{margin-top:2rem}"
         "a{color:var(--c0)}a:focus-visible,button:focus-visible,summary:focus-visible,.wide:focus-visible{"
         "outline:3px solid var(--c1);outline-offset:2px}"
         "nav ul{columns:2;padding-left:1.2rem}"
         ".wide{overflow-x:auto}"
         "table{border-collapse:collapse;font-size:.875rem;font-variant-numeric:tabular-nums;margin:.5rem 0}"
         "caption{text-align:left;font-weight:600;padding:.25rem 0}"
         "th,td{padding:.25rem .6rem;border-bottom:1px solid var(--rule);text-align:left;vertical-align:top}"
         "td.n,th.n{text-align:right;white-space:nowrap}"
         "thead th{background:var(--band)}"
         "th button{all:unset;cursor:pointer;font-weight:600}th button::after{content:\" \\2195\";color:var(--faint)}"
         "th[aria-sort=ascending] button::after{content:\" \\2191\";color:inherit}"
         "th[aria-sort=descending] button::after{content:\" \\2193\";color:inherit}"
         "tr.theirs td,tr.theirs th{font-style:italic;background:var(--band)}"
         "figure{margin:1rem 0}figcaption{font-size:.875rem;color:var(--faint)}"
         "svg{display:block;width:100%;height:auto}"
         "pre{background:var(--band);padding:.75rem;overflow-x:auto;font-size:.8rem}"
         ".holds{color:var(--good);font-weight:600}.fails{color:var(--bad);font-weight:600}"
         ".open{color:var(--open);font-weight:600}"
         ".note{border-left:4px solid var(--c1);padding:.25rem .75rem;background:var(--band)}"
         "summary{cursor:pointer}"
         "@media print{body{max-width:none;padding:0;font-size:10pt}nav,th button::after{display:none}"
         "h2{break-before:auto}figure,tr,svg{break-inside:avoid}details>*{display:block}.wide{overflow:visible}"
         "a{color:inherit}}";
}

std::string page_script() {
  return "document.querySelectorAll('th button').forEach(b=>b.addEventListener('click',()=>{"
         "const h=b.closest('th'),t=h.closest('table'),i=[...h.parentNode.children].indexOf(h),"
         "up=h.getAttribute('aria-sort')!=='ascending',s=t.tBodies[0],"
         "key=r=>{const c=r.children[i];return c.dataset.v===undefined?c.textContent:+c.dataset.v};"
         "h.parentNode.querySelectorAll('th').forEach(o=>o.removeAttribute('aria-sort'));"
         "h.setAttribute('aria-sort',up?'ascending':'descending');"
         "[...s.rows].sort((a,b)=>{const x=key(a),y=key(b),"
         "d=typeof x==='number'&&typeof y==='number'?x-y:String(x).localeCompare(String(y));return up?d:-d})"
         ".forEach(r=>s.append(r))}));"
         "addEventListener('beforeprint',()=>document.querySelectorAll('details').forEach(d=>d.open=true));";
}

}  // namespace plait::report
