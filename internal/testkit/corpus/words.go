package corpus

import "strings"

// words are what an Author writes with, the most common first.
var words = strings.Fields(`
the to of a and is in it that for we with on not as be this from by are was so when has at which because an
all only if than then no one now after before must can its where but each first last same other new old two
more still also both without until since what how why into out up down over once again never always every any
some server client chunk manifest request test error file cache token branch commit user session memory
project query index table row column key value schema migration store database connection pool timeout retry
backoff queue worker job thread lock mutex race channel context deadline handler route middleware header body
response status config setting flag variable default option environment secret login password account role
permission policy build release version package module dependency import export interface struct method
function argument parameter result return pointer slice map string number byte buffer stream reader writer
encoder decoder parser lexer format json yaml gzip hash digest signature certificate proxy gateway network
socket port address deploy rollback cluster node container image volume mount registry pipeline runner step
artifact log metric trace alert dashboard page view component state hook event render layout style button form
field label list item menu dialog bug fix crash leak panic failure regression flake warning symptom cause
workaround patch review decision pattern rule convention habit note lesson tradeoff reason limit budget cost
latency throughput disk space write read open close delete insert update select merge rebase push pull fetch
sync copy move rename start stop restart wait poll watch notify send receive accept refuse reject allow deny
check verify validate parse compile link load save restore backup replay skip ignore keep drop split join sort
filter count fast slow small large empty full missing broken stale fresh safe wrong right correct explicit
implicit local remote shared private public internal external global nested flat atomic durable idempotent
concurrent looks seems shows says means needs wants takes gives makes breaks holds fails passes returns
expects assumes leaves monday customer invoice payment order basket catalogue search ranking mail template
locale windows linux macos browser mobile desktop keyboard terminal shell script cron nightly weekly upstream
downstream fixture golden snapshot benchmark profile allocation garbage collector scheduler ledger cursor
journal tombstone revision duplicate conflict ancestor checksum prefix suffix boundary quorum replica leader
follower shard partition offset checkpoint barrier
`)
