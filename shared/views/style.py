"""How the ops page looks: one style sheet, written into the page, and allowed there by its digest alone."""

import base64
import hashlib

SHEET = """
:root{color-scheme:light dark;--ground:#f4f5f7;--panel:#fff;--line:#dcdfe4;--ink:#1b1f24;--soft:#57606a;--link:#0b5cad;
--red:#b42318;--green:#1a7f37;--amber:#875a00;--blue:#0b5cad;--violet:#7a3e9d;--alarm:#fdeceb;--calm:#e9f6ec}
@media(prefers-color-scheme:dark){:root{--ground:#0e1217;--panel:#161b22;--line:#2b323b;--ink:#e6e9ed;--soft:#9aa5b1;
--link:#7cb7ff;--red:#ff8a80;--green:#5bd183;--amber:#f0b94d;--blue:#7cb7ff;--violet:#d0a4f0;--alarm:#2d1719;
--calm:#11251a}}
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--ink);font:15px/1.45 system-ui,-apple-system,"Segoe UI",sans-serif}
header,main,footer{max-width:72rem;margin:0 auto;padding:0 1rem}
header{display:flex;gap:1rem;align-items:center;justify-content:space-between;padding-top:.8rem;padding-bottom:.8rem}
.brand{font-weight:700;font-size:1.05rem;color:var(--ink);text-decoration:none;letter-spacing:.01em}
form{display:flex;gap:.4rem;flex:0 1 30rem;margin:0}
input,button,select{font:inherit;color:inherit;background:var(--panel);border:1px solid var(--line);border-radius:6px;
padding:.35rem .6rem}
input{flex:1;min-width:0}
a{color:var(--link)}
a:focus-visible,input:focus-visible,button:focus-visible,summary:focus-visible,[tabindex]:focus-visible{
outline:2px solid var(--link);outline-offset:2px}
h1{font-size:1.35rem;line-height:1.25;margin:0;overflow-wrap:anywhere}
h2{font-size:.8rem;letter-spacing:.06em;text-transform:uppercase;color:var(--soft);margin:1.6rem 0 .5rem}
.verdict{border:1px solid var(--line);border-left:6px solid var(--green);background:var(--calm);border-radius:8px;
padding:.8rem 1rem}
.verdict.bad{border-left-color:var(--red);background:var(--alarm)}
.verdict.plain{border-left-color:var(--blue);background:var(--panel)}
.verdict p{margin:.25rem 0 0}
.soft,time{color:var(--soft)}
.panel{background:var(--panel);border:1px solid var(--line);border-radius:8px;overflow-x:auto}
ol,ul{list-style:none;margin:0;padding:0}
.remedies li{padding:.7rem 1rem;border-top:1px solid var(--line)}
.remedies li:first-child{border-top:0}
.remedies p{margin:0}
.why{font-weight:600;overflow-wrap:anywhere}
.why::before{content:"\\25B2\\00A0";color:var(--red)}
pre{margin:.45rem 0 .1rem;padding:.45rem .7rem;background:var(--ground);border:1px solid var(--line);border-radius:6px;
white-space:pre-wrap;overflow-wrap:anywhere;-webkit-user-select:all;user-select:all}
pre,code,.id{font:13px/1.4 ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace}
.id{color:var(--soft);white-space:nowrap}
.counts{display:flex;flex-wrap:wrap;gap:.3rem 1.1rem;margin:0 0 .5rem}
.counts b{font-variant-numeric:tabular-nums}
.none{opacity:.65}
table{border-collapse:collapse;width:100%}
th,td{text-align:left;vertical-align:top;padding:.5rem .8rem;border-top:1px solid var(--line)}
thead th{border-top:0;font-weight:600;font-size:.85rem;color:var(--soft)}
tbody th{font-weight:400}
td time,td .sub,th .sub{display:block}
.sub{color:var(--soft);font-size:.9rem;overflow-wrap:anywhere}
.what{overflow-wrap:anywhere}
.num,td time,.offset{white-space:nowrap;font-variant-numeric:tabular-nums}
.state{white-space:nowrap;font-weight:600}
.done,.passed,.warned{color:var(--green)}.running{color:var(--blue)}.quarantined,.misconfigured,.waiting{color:var(--amber)}
.rejected{color:var(--violet)}.needs-attention,.failed,.error{color:var(--red)}
.timeline>li{display:grid;grid-template-columns:4.6rem 10rem 1fr;gap:0 .8rem;padding:.45rem 1rem;
border-top:1px solid var(--line)}
.timeline>li:first-child{border-top:0}
.waterfall>li{display:grid;grid-template-columns:14rem 1fr 11rem;gap:0 .8rem;align-items:center;padding:.2rem 1rem}
.waterfall .sub{display:block;font-weight:400}.waterfall svg{width:100%;height:.8rem}
.waterfall rect{fill:var(--blue)}.waterfall rect.failed{fill:var(--red)}.waterfall rect.running{fill:var(--amber)}
.waterfall .num{text-align:right;color:var(--soft);font-size:.9rem}
.offset{color:var(--soft);text-align:right}
.kind{font-weight:600}
.bad>.kind{color:var(--red)}.odd>.kind{color:var(--amber)}
.said{overflow-wrap:anywhere}
.notes{margin:.25rem 0 .1rem;font-size:.92rem}
.notes li{overflow-wrap:anywhere}
summary{cursor:pointer;color:var(--soft);font-size:.92rem}
.plots{display:grid;grid-template-columns:repeat(auto-fill,minmax(15rem,1fr));gap:.7rem}
.plot{padding:.55rem .8rem .5rem;overflow:hidden;margin:0}
.plot figcaption{display:flex;justify-content:space-between;gap:.6rem;font-size:.92rem}
.plot figcaption b{overflow-wrap:anywhere}
.plot svg{display:block;width:100%;height:auto;margin-top:.35rem}
.plot.odd{border-color:var(--amber)}
.plot .sub{font-size:.82rem}
.now{fill:var(--blue);fill-opacity:.75}.was{fill:none;stroke:var(--amber);stroke-width:1.5}.axis{stroke:var(--line)}
svg text{fill:var(--soft);font:10px system-ui,sans-serif}
.legend{display:flex;flex-wrap:wrap;gap:.2rem 1.2rem;margin:0 0 .5rem;font-size:.9rem;color:var(--soft)}
.legend svg{width:1.1rem;height:.7rem;margin-right:.4rem}
.sample td,.sample th{white-space:nowrap;font-size:.88rem;padding:.3rem .6rem}
main>.verdict:first-child{margin-top:1rem}
.bar{display:block;height:.5rem;width:9rem;margin-top:.4rem}
footer{padding-top:1.6rem;padding-bottom:2rem;color:var(--soft);font-size:.88rem}
.hidden{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
@media(max-width:40rem){header{flex-wrap:wrap}form{flex:1 1 100%}.wide{display:none}th,td{padding:.45rem .55rem}
.stack thead{position:absolute;clip-path:inset(50%)}.stack tr{display:grid;grid-template-columns:1fr auto;
border-top:1px solid var(--line);padding:.3rem 0}.stack tbody tr:first-child{border-top:0}
.stack tbody>tr>*{border:0;padding:.15rem .8rem}.stack tbody th{grid-row:2;grid-column:1/3}.stack .wide{display:none}
.stack td{white-space:nowrap}.stack td:first-child{padding-right:0}.stack td time{display:inline;margin-left:.6em}
.timeline>li{grid-template-columns:1fr auto;padding:.5rem .8rem}.offset{order:2}.said{grid-column:1/3;order:3}}
"""
"""Two grounds, five colours, each readable (4.5 to 1 at least) in light and in dark; never the colour alone."""

_DIGEST = base64.b64encode(hashlib.sha256(SHEET.encode()).digest()).decode()

POLICY_OF_A_FILE = f"default-src 'none'; style-src 'sha256-{_DIGEST}'; form-action 'none'; base-uri 'none'"
"""Of a page that is a file."""

POLICY = (
    f"default-src 'none'; style-src 'sha256-{_DIGEST}'; img-src data:; form-action 'self'; base-uri 'none';"
    " frame-ancestors 'none'"
)
"""The page's Content-Security-Policy: no script, nothing from elsewhere, and in nobody's frame."""
