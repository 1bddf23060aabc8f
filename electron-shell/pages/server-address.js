// Fills in what the shell says in the address: the server's address, what is wrong with it, and who decides it.
'use strict';

{
  const parameters = new URLSearchParams(location.search);
  const problem = parameters.get('problem');
  const decidedBy = parameters.get('decidedBy');

  const field = /** @type {HTMLInputElement} */ (document.getElementById('address'));
  field.value = parameters.get('address') ?? '';

  if (problem) {
    /** @type {HTMLElement} */ (document.getElementById('problem')).textContent = problem;
    field.setAttribute('aria-invalid', 'true');
  }

  if (decidedBy) {
    const note = /** @type {HTMLElement} */ (document.getElementById('decided-by'));
    note.textContent = `The environment variable ${decidedBy} decides the address. Start TimerSync without it to set another one here.`;
    note.hidden = false;
    field.readOnly = true;
  }
  /** @type {HTMLElement} */ (document.getElementById('save')).hidden = Boolean(decidedBy);
  /** @type {HTMLElement} */ (document.getElementById('back')).hidden = !parameters.get('wayBack');

  field.focus();
  field.select();
}
