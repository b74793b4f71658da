/* Keeps the click id of a Peraction network in a cookie of this site; see docs/script.md. */
(function (window, document) {
  'use strict';
  var COOKIE = 'pa_click';
  var ID = /^[\w-]{32}$/;
  // What an affiliate may send along with a click; nothing else of the address leaves the page.
  var SENT = /^(sub\d\d?|source|sub_source|aff_click_id|cons|gdpr|gdpr_consent)=./;
  var WAITING_MAX = 50;

  var stub = window.pa;
  if (stub && stub.clickId) return;
  var script = document.currentScript || document.querySelector('script[src*="/js/pa."]') || {};
  var set = script.dataset || {};
  var tracker = set.tracker || String(script.src || '').replace(/\/js\/pa\..*$/, '');
  var optsOut = window.navigator.globalPrivacyControl === true;
  var agreed = set.consent !== 'required';
  var refused = false;
  var began = false;
  var id = '';
  var waiting = [];

  // Nothing that goes wrong here may go wrong in the page.
  function safely(act) {
    return function () {
      try { return act.apply(null, arguments); } catch (error) { return undefined; }
    };
  }

  // Whether anything may be kept here, or be told of what happens here.
  function allowed() {
    return agreed && !optsOut;
  }

  function parameter(name) {
    return new URLSearchParams(window.location.search).get(name) || '';
  }

  function kept() {
    if (!allowed()) return '';
    try {
      var value = ('; ' + document.cookie).split('; ' + COOKIE + '=')[1].split(';')[0];
      return ID.test(value) ? value : '';
    } catch (error) { return ''; }
  }

  function write(value, seconds) {
    document.cookie = COOKIE + '=' + value + '; Max-Age=' + seconds + '; Path=/; SameSite=Lax' +
      (set.domain ? '; Domain=' + set.domain : '') +
      (window.location.protocol === 'https:' ? '; Secure' : '');
  }

  // A cookie that is there already may be the server's, which Safari lets live longer than ours.
  var keep = safely(function () {
    if (id && allowed() && kept() !== id) write(id, Math.round((Number(set.days) || 30) * 86400));
  });

  function post(body) {
    var sent = false;
    try { sent = window.navigator.sendBeacon(tracker + '/e', body); } catch (error) { sent = false; }
    if (sent) return;
    window.fetch(tracker + '/e', {
      method: 'POST', body: body, keepalive: true, mode: 'no-cors', credentials: 'omit'
    }).catch(function () {});
  }

  // Events that come before the click id, or before consent, wait for it.
  var flush = safely(function () {
    while (id && allowed() && waiting.length) {
      var event = waiting.shift();
      post('click_id=' + id + '&name=' + event.name + '&path=' + encodeURIComponent(event.path));
    }
  });

  function event(name) {
    name = String(name).toLowerCase().replace(/[^a-z0-9_]+/g, '_').slice(0, 40);
    if (name && !refused && waiting.length < WAITING_MAX) {
      waiting.push({ name: name, path: window.location.pathname });
    }
    flush();
  }

  function found(value) {
    if (!ID.test(value)) return;
    id = value;
    keep();
    flush();
  }

  // A reload and a way back are no new click, as they would be none behind a redirect.
  function isNew() {
    var entries = window.performance.getEntriesByType('navigation');
    return !entries.length || !/^(reload|back_forward)$/.test(entries[0].type);
  }

  // A link straight to this page: the click is stored now, without a redirect.
  function direct(code) {
    var told = window.location.search.slice(1).split('&').filter(function (pair) {
      return SENT.test(pair);
    });
    // Whoever asked the visitor has an answer, or nothing would be told by now.
    if (set.consent === 'required' && !/(^|&)cons=/.test(told.join('&'))) told.push('cons=1');
    told.push('ref=' + encodeURIComponent(document.referrer));
    window.fetch(tracker + '/d/' + encodeURIComponent(code) + '?' + told.join('&'), {
      credentials: 'omit', keepalive: true
    }).then(function (answer) {
      return answer.json();
    }).then(function (answer) {
      found(answer.click_id || '');
    }).catch(function () {});
  }

  var begin = safely(function () {
    // A page that is only prepared may never be seen.
    if (began || !agreed || document.prerendering) return;
    began = true;
    var given = parameter(set.param || 'click_id');
    var code = parameter(set.link || 'pa');
    var old = kept();
    event('page');
    if (ID.test(given)) found(given);
    else if (code && !(old && !isNew())) direct(code);
    else if (old) { id = old; flush(); }
  });

  function consent(given) {
    agreed = given === true;
    refused = !agreed;
    if (refused) {
      waiting = [];
      write('', 0);
      return;
    }
    begin();
    keep();
    flush();
  }

  var commands = { event: safely(event), consent: safely(consent) };
  var pa = function (command, value) {
    if (commands.hasOwnProperty(command)) commands[command](value);
  };
  pa.consent = commands.consent;
  pa.clickId = function () {
    return agreed ? id || kept() : '';
  };
  window.pa = pa;

  safely(function () {
    document.addEventListener('prerenderingchange', begin);
    begin();
    ((stub && stub.q) || []).forEach(function (said) { pa.apply(null, said); });
  })();
})(window, document);
