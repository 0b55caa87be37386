// Embeds the chat in a page of a site: <script async src="https://HOST/webchat/ENTRY_POINT.js"></script>
// A site that knows the visitor adds data-identity='{"externalId": "42", "expires": 1767225600, "signature": "…"}'.
(() => {
  const script = document.currentScript;
  const address = new URL(script.src);
  const frameAddress = new URL(address.pathname.replace(/\.js$/, ''), address.origin);
  const memory = `rapport.webchat.${frameAddress.pathname}`;

  const words = {
    en: { open: 'Chat with us', close: 'Close chat', title: 'Chat', news: (count) => `${count} unread` },
    de: { open: 'Mit uns chatten', close: 'Chat schließen', title: 'Chat', news: (count) => `${count} ungelesen` },
    ko: { open: '채팅 상담', close: '채팅 닫기', title: '채팅', news: (count) => `읽지 않은 메시지 ${count}개` },
    ja: { open: 'チャットで相談', close: 'チャットを閉じる', title: 'チャット', news: (count) => `未読${count}件` },
  };
  const language = navigator.languages.map((tag) => tag.slice(0, 2)).find((tag) => Object.hasOwn(words, tag)) ?? 'en';
  const say = words[language];

  const style = `
    :host { all: initial; position: fixed; z-index: 2147483000; right: 0; bottom: 0; color-scheme: light dark; }
    button {
      position: fixed; right: 20px; bottom: 20px; width: 60px; height: 60px; padding: 0; border: 2px solid #fff;
      border-radius: 50%; background: #1f5fbf; color: #fff; cursor: pointer; box-shadow: 0 4px 14px rgb(0 0 0 / 30%);
    }
    button:hover { background: #174a97; }
    button:focus-visible { outline: 3px solid #1f5fbf; outline-offset: 3px; }
    svg { width: 28px; height: 28px; vertical-align: middle; fill: none; stroke: currentcolor; stroke-width: 2; }
    .badge {
      position: absolute; top: -4px; right: -4px; min-width: 22px; height: 22px; padding: 0 5px; box-sizing: border-box;
      border-radius: 11px; background: #b3261e; color: #fff; font: bold 13px/22px system-ui, sans-serif;
    }
    .panel {
      position: fixed; right: 20px; bottom: 92px; width: 380px; height: min(640px, calc(100vh - 112px));
      border-radius: 14px; overflow: hidden; box-shadow: 0 8px 30px rgb(0 0 0 / 30%); background: Canvas;
    }
    iframe { width: 100%; height: 100%; border: 0; display: block; }
    [hidden] { display: none !important; }
    @media (max-width: 480px), (max-height: 480px) {
      .panel { inset: 0; width: auto; height: auto; border-radius: 0; }
      .open button { display: none; }
    }
    @media (prefers-color-scheme: dark) {
      button { background: #8ab4ff; color: #10151f; border-color: #10151f; }
      button:hover { background: #b3ceff; }
      button:focus-visible { outline-color: #8ab4ff; }
    }`;

  const shapes = { open: 'M4 5h16v11H9l-5 4z', close: 'M6 6l12 12M18 6L6 18' };
  const svg = (name, attributes) => {
    const made = document.createElementNS('http://www.w3.org/2000/svg', name);
    Object.entries(attributes).forEach(([key, value]) => made.setAttribute(key, value));
    return made;
  };
  const make = (name, attributes) => {
    const made = document.createElement(name);
    Object.entries(attributes).forEach(([key, value]) => made.setAttribute(key, value));
    return made;
  };

  const host = make('div', { id: 'rapport-webchat' });
  const root = host.attachShadow({ mode: 'open' });
  // A sheet that is made by script needs nothing of the site's own policy for styles.
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(style);
  root.adoptedStyleSheets = [sheet];

  const whole = make('div', {});
  const button = make('button', {
    type: 'button',
    'aria-expanded': 'false',
    'aria-controls': 'panel',
    'aria-haspopup': 'dialog',
  });
  const path = svg('path', { d: shapes.open });
  const icon = svg('svg', { viewBox: '0 0 24 24', 'aria-hidden': 'true' });
  icon.append(path);
  const badge = make('span', { class: 'badge', 'aria-hidden': 'true', hidden: '' });
  button.append(icon, badge);
  const panel = make('div', { id: 'panel', class: 'panel', role: 'dialog', 'aria-label': say.title, hidden: '' });
  whole.append(button, panel);
  root.append(whole);

  let frame = null;
  /** Whether the page in the frame has said that it is there. */
  let ready = false;
  let open = false;
  let count = 0;

  /** What of the chat outlives a page of the site: whether one goes on, and whether it is in sight. */
  const remember = (value) => {
    try {
      if (value) {
        sessionStorage.setItem(memory, value);
      } else {
        sessionStorage.removeItem(memory);
      }
    } catch {
      // Then the next page begins with the button alone.
    }
  };
  const remembered = () => {
    try {
      return sessionStorage.getItem(memory);
    } catch {
      return null;
    }
  };
  let begun = remembered() !== null;

  const load = () => {
    if (!frame) {
      frame = make('iframe', { src: frameAddress.href, title: say.title, referrerpolicy: 'no-referrer' });
      panel.append(frame);
    }
  };

  /** Who the visitor is, as the site has signed it; null where it does not know. */
  const identity = () => {
    try {
      return JSON.parse(script.dataset.identity || 'null');
    } catch {
      console.warn('rapport: data-identity is no JSON, so the visitor is not known.');
      return null;
    }
  };

  const tell = (focus) => {
    if (ready) {
      const page = location.href.split('#')[0];
      const message = { rapport: true, shown: open, focus, page, identity: identity() };
      frame.contentWindow.postMessage(message, frameAddress.origin);
    }
  };
  // Sites that load no new page when somebody signs in or out change the tag.
  new MutationObserver(() => tell(false)).observe(script, { attributeFilter: ['data-identity'] });

  const label = () => {
    const action = open ? say.close : say.open;
    button.setAttribute('aria-label', !open && count ? `${action}, ${say.news(count)}` : action);
    badge.hidden = open || !count;
    badge.textContent = String(count);
  };

  const turn = (to, focus) => {
    open = to;
    load();
    panel.hidden = !open;
    whole.className = open ? 'open' : '';
    button.setAttribute('aria-expanded', String(open));
    path.setAttribute('d', open ? shapes.close : shapes.open);
    label();
    remember(open ? 'open' : begun ? 'begun' : null);
    if (focus && open) {
      frame.focus();
    } else if (focus) {
      button.focus();
    }
    tell(focus);
  };

  button.addEventListener('click', () => turn(!open, true));
  root.addEventListener('keydown', (event) => {
    if (event.key === 'Escape' && open) {
      turn(false, true);
    }
  });
  // The frame is of another origin, so nothing that it does reaches this page but what it says here.
  addEventListener('message', ({ source, origin, data }) => {
    if (!frame || source !== frame.contentWindow || origin !== frameAddress.origin || !data?.rapport) {
      return;
    }
    if (data.ready) {
      ready = true;
      tell(open && root.activeElement === frame);
    }
    if (data.close && open) {
      turn(false, true);
    }
    if (typeof data.begun === 'boolean') {
      begun = data.begun;
      remember(open ? 'open' : begun ? 'begun' : null);
    }
    if (Number.isInteger(data.unread)) {
      count = data.unread;
      label();
    }
  });

  const place = () => {
    // One button is enough, however often a site has the tag.
    if (document.getElementById(host.id)) {
      return;
    }
    document.body.append(host);
    label();
    const before = remembered();
    if (before === 'open') {
      turn(true, false);
    } else if (before) {
      load();
    }
  };
  if (document.body) {
    place();
  } else {
    addEventListener('DOMContentLoaded', place);
  }
})();
