package sqlite

import (
	"cmp"
	"context"
	"errors"
	"time"
)

// groupBytes is how much the changes of one commit may hold before it takes no more of
// them. A change that is larger has a commit of its own, so that it delays no other and
// cannot fill the disk for one.
const groupBytes = 1 << 20

// change is what one method does to the database. Its statements run in ctx, which does
// not end: SQLite takes back a whole transaction whose statement is interrupted.
type change func(ctx context.Context, tx *transaction) error

// waiting is a change until its caller knows what became of it.
type waiting struct {
	change change
	size   int64
	err    error // of the change alone
	done   chan error
}

// update runs change, of about size bytes, which is kept only if it gives nil. When
// update returns nil, it is on disk. Changes that come while another is on its way to
// the disk wait for it, and then share one commit: whoever is first leads, and the rest
// join in. A commit that fails fails for all of them; a change that fails, for nobody else.
func (s *Store) update(ctx context.Context, size int64, change change) error {
	if err := ctx.Err(); err != nil {
		return withKind(err)
	}
	w := &waiting{change: change, size: size, done: make(chan error, 1)}
	join := s.join
	if size > groupBytes {
		join = nil
	}
	select {
	case s.lead <- struct{}{}:
		s.leadGroup(ctx, w)
	case join <- w:
	case <-ctx.Done():
		return withKind(ctx.Err())
	}
	return withKind(<-w.done)
}

// errAbandoned is told to those whose group ended in a panic.
var errAbandoned = errors.New("the transaction was abandoned")

// leadGroup commits first together with what waits to join, and tells each.
func (s *Store) leadGroup(ctx context.Context, first *waiting) {
	group, failure := []*waiting{first}, errAbandoned
	defer func() {
		<-s.lead
		for _, w := range group {
			w.done <- cmp.Or(w.err, failure)
		}
	}()
	failure = s.inWrite(ctx, func(ctx context.Context, tx *transaction) (lost error) {
		var size int64
		for w := first; w != nil; w = s.next(size) {
			if w != first {
				group = append(group, w)
			}
			size += w.size
			if w.err, lost = tx.try(ctx, w.change); lost != nil {
				return lost // before another one is taken
			}
		}
		return nil
	})
}

// next is a change that waits to join a group of this size, or nil.
func (s *Store) next(size int64) *waiting {
	if size > groupBytes {
		return nil
	}
	select {
	case w := <-s.join:
		return w
	default:
		return nil
	}
}

// inWrite runs do in a write transaction. Once that has begun, the end of ctx does not
// touch it any more.
func (s *Store) inWrite(ctx context.Context, do change) error {
	lasting, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	stop := context.AfterFunc(ctx, cancel)
	var began time.Time
	err := s.write.inTx(lasting, func(tx *transaction) error {
		if !stop() {
			return ctx.Err()
		}
		err := do(context.WithoutCancel(ctx), tx)
		began = time.Now()
		return err
	})
	if err == nil {
		s.committed(time.Since(began))
	}
	return err
}

// try runs change, and takes back what it did if it fails. An error that has cost the
// whole transaction is lost, too.
func (t *transaction) try(ctx context.Context, change change) (err, lost error) {
	if _, lost := t.ExecContext(ctx, "SAVEPOINT change"); lost != nil {
		return nil, lost
	}
	if err = change(ctx, t); err != nil {
		// SQLite takes back all of a transaction when its disk is full, say. Then there
		// is no such savepoint.
		if _, gone := t.ExecContext(ctx, "ROLLBACK TO change"); gone != nil {
			return err, err
		}
	}
	_, lost = t.ExecContext(ctx, "RELEASE change")
	return err, lost
}
