// Elements with their attributes and children. Texts become text nodes, whatever they hold.

/** An element: `on…` names a listener, `true` an attribute without a value; what is false, null or undefined is left out. */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  set(made, attributes);
  made.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

/** Gives an element attributes, or takes those away that are false, null or undefined. */
export function set(of, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith('on')) {
      of.addEventListener(name.slice(2), value);
    } else if (value === false || value === null || value === undefined) {
      of.removeAttribute(name);
    } else {
      of.setAttribute(name, value === true ? '' : value);
    }
  }
}

/** A button, never one that sends a form by itself. */
export function button(label, onclick, attributes = {}) {
  return element('button', { type: 'button', onclick, ...attributes }, label);
}

/** Says a text only where it is new, so that screen readers say it once. */
export function say(where, text) {
  if (where.textContent !== text) {
    where.textContent = text;
  }
}
