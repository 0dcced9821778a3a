package bus

import (
	"context"
	"errors"
	"hash/fnv"
	"slices"
	"strconv"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

const (
	// partitions is how many there are of the keys. It never changes: the replicas of a
	// service, of whatever version, and its relay must agree.
	partitions = 16
	// groups is how many consumers share the partitions, and so how many replicas of a
	// service may have work at the same time.
	groups = 8

	// pullFor is how long a replica asks a lane for events before it asks again, by which
	// it keeps the lane, and pinnedFor how long the lane waits for that. By then whatever a
	// replica that has gone left unacknowledged is due again, and comes first to the next.
	pullFor   = 4 * time.Second
	pinnedFor = pullFor + ackWait
	// askEvery is how often a replica asks whether a lane is free.
	askEvery = 100 * time.Millisecond
	// beginFor is how long it waits for what its predecessor left.
	beginFor = 500 * time.Millisecond
)

// partition returns where among the events of a service those of a key are: the 32-bit
// FNV-1a hash of "BRAND/KEY", modulo 16. BRAND is the id of the brand.
func partition(brand, key string) int {
	h := fnv.New32a()
	h.Write([]byte(brand + "/" + key)) //nolint:errcheck // never fails
	return int(h.Sum32() % partitions)
}

// place returns where an event of a service is published on a bus that replicas share:
// concentric.SERVICE.BRAND.KIND.PARTITION. Those of earlier versions did without the
// partition, as the server in this process does.
func place(service string, p parcel) string {
	return subject(service, p.brand, p.kind) + "." + strconv.Itoa(partition(p.brand, p.key))
}

// A lane is one of the consumers that a service has of a stream.
type lane struct {
	durable  string
	subjects []string // of the events it brings; none for all
	group    string   // by which one replica at a time is served; "": all share the events
}

// lanes returns those of a service that has a use for the kinds, or for all if there are
// none, on a bus that replicas share. The events of a key are all in one of the first, where
// one replica at a time gets them. In the last one are those that an earlier version
// published, which had the same one for all it listened to: what it had acknowledged stays so.
func lanes(service, source string, stream jetstream.Stream, kinds []string) (numbered []lane, earlier lane) {
	all := subjects(source, kinds)
	if len(all) == 0 {
		all = []string{"concentric." + source + ".*.*"}
	}
	earlier = lane{durable: durable(service, stream, all), subjects: all}
	for g := range groups {
		l := lane{durable: earlier.durable + "-" + strconv.Itoa(g), group: strconv.Itoa(g)}
		for p := g; p < partitions; p += groups {
			for _, s := range all {
				l.subjects = append(l.subjects, s+"."+strconv.Itoa(p))
			}
		}
		numbered = append(numbered, l)
	}
	return numbered, earlier
}

// config returns the consumer of a lane.
func (l lane) config() jetstream.ConsumerConfig {
	c := jetstream.ConsumerConfig{
		Durable: l.durable, DeliverPolicy: jetstream.DeliverAllPolicy, InactiveThreshold: keep,
		FilterSubjects: l.subjects,
		AckPolicy:      jetstream.AckExplicitPolicy, AckWait: ackWait, MaxAckPending: 2 * consumeBatch, MaxDeliver: -1,
	}
	if l.group != "" {
		c.PriorityPolicy, c.PriorityGroups, c.PinnedTTL = jetstream.PriorityPolicyPinned, []string{l.group}, pinnedFor
	}
	return c
}

// make makes the consumer of a lane, or finds it. A cluster that has just begun makes one
// after the other for all services, and is asked for half a minute.
func (l lane) make(ctx context.Context, stream jetstream.Stream) (consumer jetstream.Consumer, err error) {
	for range 6 {
		consumer, err = stream.CreateOrUpdateConsumer(ctx, l.config())
		if ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded) {
			break
		}
	}
	return consumer, err
}

// free waits until no other replica has the lane, and returns how many messages whoever had
// it left unsettled. If others asked for messages before that, the server would take those
// that come again one after another to the end of their line. A server that is busy is asked
// again.
func (l lane) free(ctx context.Context, consumer jetstream.Consumer) (unsettled int, err error) {
	info := consumer.CachedInfo()
	for pinned(info) {
		sleep(ctx, askEvery)
		now, err := consumer.Info(ctx)
		switch {
		case err == nil:
			info = now
		case ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded):
			return 0, err
		}
	}
	return info.NumAckPending, nil
}

// pinned reports whether a consumer serves one replica only.
func pinned(info *jetstream.ConsumerInfo) bool {
	return slices.ContainsFunc(info.PriorityGroups, func(g jetstream.PriorityGroupState) bool { return g.PinnedClientID != "" })
}

// pulling returns how a lane is pulled from.
func (l lane) pulling() []jetstream.PullMessagesOpt {
	if l.group == "" {
		return []jetstream.PullMessagesOpt{
			jetstream.PullMaxMessages(consumeBatch), jetstream.PullExpiry(30 * time.Second), jetstream.PullHeartbeat(5 * time.Second),
		}
	}
	return []jetstream.PullMessagesOpt{
		jetstream.PullMaxMessages(consumeBatch / 4), jetstream.PullExpiry(pullFor), jetstream.PullHeartbeat(pullFor / 2),
		jetstream.PullPriorityGroup(l.group),
	}
}
