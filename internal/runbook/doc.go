// Package runbook changes the secrets that are due together, each quarter or after an incident (contract, section 7): it
// lists them in a safe order, carries out the steps that it was handed, and takes up a run that was cut off. What is
// done is read from the tool's own record alone, so that a change that another command made or an operator ticked off
// counts too. It makes no secret itself, prints nothing, and reads no clock that it was not handed.
package runbook
