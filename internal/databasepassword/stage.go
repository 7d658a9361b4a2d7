package databasepassword

import (
	"context"
	"errors"

	"github.com/ocmt/ocmt/pkg/secret"
)

// findStage finds out how far an earlier run has come, where log-ins prove something.
func (p *Plan) findStage(ctx context.Context, parts Parts) error {
	if err := refusesMadeUp(ctx, parts, p.current); err != nil {
		return err
	}
	return p.readStage(ctx, parts)
}

// readStage finds out by logging in how far an earlier run has come.
func (p *Plan) readStage(ctx context.Context, parts Parts) error {
	accepted, err := p.try(ctx, parts.Server, p.current)
	switch {
	case err != nil:
		return err
	case p.isStored():
		// PgBouncer may not know the new password yet; proving it comes first.
		p.Stage = Stored
		if !accepted && parts.Pool == nil {
			return p.whyRefused(ErrStoreRefused)
		}
		return nil
	case !p.isPending():
		p.Stage = Fresh
		if !accepted {
			return p.whyRefused(ErrStoreRefused)
		}
		return nil
	}
	follows, err := p.try(ctx, parts.Server, p.pending)
	switch {
	case err != nil:
		return err
	case follows:
		p.Stage = Changed
	case accepted:
		p.Stage = Prepared
	case parts.Pool != nil && p.OldRole == "":
		p.Stage = Changed // the server has the new one, and PgBouncer the old one
	default:
		return p.whyRefused(ErrNeither)
	}
	return nil
}

// try logs in with an address of the store, and keeps what was seen.
func (p *Plan) try(ctx context.Context, server Server, address Address) (bool, error) {
	err := server.LogIn(ctx, address.Text())
	switch {
	case err == nil:
		p.accepted = append(p.accepted, address)
		return true, nil
	case errors.Is(err, ErrNoLogin):
		p.barred = address.Role()
	}
	return false, unlessRefused(err)
}

// whyRefused returns why no address of the store logs in: that a role may not, or else what is given.
func (p *Plan) whyRefused(otherwise error) error {
	if p.barred != "" {
		return &NoLoginError{Role: p.barred, Fix: "ALTER ROLE " + quoteName(p.barred) + " LOGIN"}
	}
	return otherwise
}

// unlessRefused returns an error of a log-in that does not say that the account is refused.
func unlessRefused(err error) error {
	if errors.Is(err, ErrRefused) || errors.Is(err, ErrNoAnswer) {
		return nil
	}
	return err
}

// accepts reports whether a server lets in and serves whom an address names.
func accepts(ctx context.Context, server Server, address Address) (bool, error) {
	err := server.LogIn(ctx, address.Text())
	return err == nil, unlessRefused(err)
}

// refusesMadeUp tries a password that nobody has. Where the server accepts it, no log-in proves anything.
func refusesMadeUp(ctx context.Context, parts Parts, address Address) error {
	password, err := parts.Make(parts.Random)
	if err != nil {
		return err
	}
	madeUp, err := address.With(address.Role(), secret.NewValue(password))
	if err != nil {
		return err
	}
	switch err := parts.Server.LogIn(ctx, madeUp.Text()); {
	case err == nil:
		return ErrAnyPassword
	case !errors.Is(err, ErrRefused):
		return err
	}
	return nil
}
