// Stands in for react-style-singleton, which dialogs and menus use to hold the page still while they are open. The
// original writes a <style> element, which a policy without 'unsafe-inline' refuses; a constructed sheet is allowed.
import { useEffect } from 'react';

/** Makes a component whose styles apply while at least one of it is mounted; the first one's styles win. */
export function styleSingleton() {
  const sheet = new CSSStyleSheet();
  let mounted = 0;

  return function Sheet({ styles, dynamic }) {
    useEffect(() => {
      if (mounted++ === 0) {
        sheet.replaceSync(styles);
        document.adoptedStyleSheets.push(sheet);
      }
      return () => {
        if (--mounted === 0) {
          document.adoptedStyleSheets = document.adoptedStyleSheets.filter((other) => other !== sheet);
        }
      };
    }, [dynamic && styles]);
    return null;
  };
}
