/** Escapes text for use in HTML and in quoted attributes. */
export function escape(text: string): string {
  return text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
}

/** Renders inline code in backticks and escapes everything else. */
export function inline(text: string): string {
  return escape(text).replace(/`([^`]+)`/g, '<code>$1</code>');
}

const STYLE = `
:root{--ink:#1b2330;--soft:#5b6675;--line:#e3e7ec;--ground:#fff;--tint:#f6f8fa;--accent:#0b6e4f}
@media(prefers-color-scheme:dark){:root{--ink:#e6eaf0;--soft:#9aa5b4;--line:#2c3440;--ground:#12161c;--tint:#1a2029;--accent:#4cc79b}}
*{box-sizing:border-box}html{scroll-padding-top:1rem}
body{margin:0;font:15px/1.55 system-ui,sans-serif;color:var(--ink);background:var(--ground)}
a{color:var(--accent);text-decoration:none}a:hover{text-decoration:underline}
.layout{display:grid;grid-template-columns:19rem minmax(0,1fr);min-height:100vh}
nav{border-right:1px solid var(--line);padding:1.25rem;position:sticky;top:0;height:100vh;overflow:auto;font-size:13px}
nav h2{font-size:12px;text-transform:uppercase;letter-spacing:.05em;color:var(--soft);margin:1.1rem 0 .3rem}
nav a{display:block;padding:.1rem 0;color:var(--ink);white-space:nowrap;overflow:hidden;text-overflow:ellipsis}
main{padding:1.5rem 2.25rem 4rem;max-width:68rem}h1{margin:.2rem 0 .6rem}
section{border-top:1px solid var(--line);padding:1.1rem 0}
section h3{margin:0 0 .4rem;font:600 15px/1.4 ui-monospace,monospace;overflow-wrap:anywhere}
.verb{display:inline-block;min-width:4.2rem;font-weight:700;color:var(--accent)}
.soft{color:var(--soft)}table{border-collapse:collapse;margin:.5rem 0;width:100%}
td,th{border-bottom:1px solid var(--line);padding:.3rem .6rem .3rem 0;text-align:left;vertical-align:top;font-size:14px}
code,pre{font:13px/1.5 ui-monospace,monospace;background:var(--tint);border-radius:4px}code{padding:.1em .3em}
pre{padding:.8rem;overflow:auto;margin:.4rem 0}details{margin:.4rem 0}summary{cursor:pointer;color:var(--soft)}
@media(max-width:800px){.layout{display:block}nav{position:static;height:auto;border:0}}
`;

/** A whole page. It loads nothing from elsewhere and runs no script. */
export function page(title: string, body: string): string {
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><title>${escape(title)}</title><style>${STYLE}</style></head><body>${body}</body></html>`;
}

/** Content security policy: a page may load only its own inline style. */
export const PAGE_HEADERS = {
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
} as const;
