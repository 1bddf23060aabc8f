// Fills in what the shell says in the address: which server, and what is wrong. Trying again is the shell's work.
'use strict';

{
  const parameters = new URLSearchParams(location.search);

  const address = document.createElement('span');
  address.className = 'address';
  address.textContent = parameters.get('server');
  // Set after loading, because a status is read out when it changes.
  document.getElementById('status')?.append('Can’t reach the server at ', address, ', trying again.');

  const reason = document.getElementById('reason');
  if (reason) reason.textContent = parameters.get('reason');
}
