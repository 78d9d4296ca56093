// The judge of peers, with a clock and heartbeats of the test's own.
#include "engine/comm/peer_watch.h"

#include <gtest/gtest.h>

namespace plait {
namespace {

using Cause = PeerWatch::Cause;
using Kind = Heartbeat::Kind;
using Owns = std::array<PeerWatch::Own, 4>;

constexpr PeerWatch::Times times{.heartbeat = 1, .lost_after = 10, .collective_timeout = 60};

Heartbeat beat(Kind kind = Kind::alive) {
  Heartbeat made;
  made.kind = kind;
  return made;
}

// `ended` operations are through, `issued` have been called; operation n has the signature n + 100.
Heartbeat::Progress progress(std::uint64_t ended, std::uint64_t issued) {
  Heartbeat::Progress made{.issued = issued, .ended = ended, .signatures = {}};
  for (std::uint64_t n = ended > 3 ? ended - 3 : 1; n <= std::min(issued, ended + 4); ++n)
    made.signatures[n % 8] = n + 100;
  return made;
}

Owns waiting(std::uint64_t ended, double since) {
  Owns own;
  own[0] = {.progress = progress(ended, ended + 1), .running = true, .since = since};
  return own;
}

// Rank 0 of three, all heard every second until `until`, except `silent` from `silent_from` on.
struct Watched {
  PeerWatch watch{0, 3, 0};
  double now = 0;

  Watched() { watch.set(times); }
  std::optional<PeerWatch::Verdict> pass(double until, int silent = -1, const Owns& own = {}) {
    for (; now < until; now += 0.5) {
      for (const int peer : {1, 2})
        if (peer != silent) watch.heard(peer, beat(), now);
      watch.listened(now);
      if (auto verdict = watch.judge(now, own)) return verdict;
    }
    return std::nullopt;
  }
};

TEST(PeerWatch, NobodyIsLostWhileAllAreHeard) {
  Watched it;
  EXPECT_FALSE(it.pass(1000));
  EXPECT_EQ(it.watch.suspect(it.now), -1);
  EXPECT_EQ(it.watch.own_pause(), 0);
}

TEST(PeerWatch, SilentPeerIsLostAfterItsTimeAndSuspectedBefore) {
  Watched it;
  ASSERT_FALSE(it.pass(100));
  ASSERT_FALSE(it.pass(102, 2));
  EXPECT_EQ(it.watch.suspect(it.now), 2);
  ASSERT_FALSE(it.pass(105));  // it speaks again
  EXPECT_EQ(it.watch.suspect(it.now), -1);
  const auto verdict = it.pass(200, 2);
  ASSERT_TRUE(verdict);
  EXPECT_EQ(verdict->cause, Cause::silent);
  EXPECT_EQ(verdict->peer, 2);
  EXPECT_GT(verdict->seconds, 10);
  EXPECT_LT(it.now, 116);
  EXPECT_EQ(describe(*verdict), "silent for 10.5 s");
}

TEST(PeerWatch, ProcessThatHasEndedIsLostOnceItsLastWordsCouldHaveBeenRead) {
  Watched it;
  ASSERT_FALSE(it.pass(100));
  it.watch.process_ended(1, 100);
  EXPECT_FALSE(it.watch.judge(100.01, {}));
  it.watch.listened(100.02);
  it.watch.listened(100.04);
  const auto verdict = it.watch.judge(100.05, {});
  ASSERT_TRUE(verdict);
  EXPECT_EQ(verdict->cause, Cause::ended);
  EXPECT_EQ(verdict->peer, 1);
}

TEST(PeerWatch, ProcessThatHasEndedIsLostAlsoWhenTheChannelHangs) {
  Watched it;
  ASSERT_FALSE(it.pass(100));
  it.watch.process_ended(1, 100);
  EXPECT_FALSE(it.watch.judge(100.4, {}));
  EXPECT_TRUE(it.watch.judge(100.6, {}));
}

TEST(PeerWatch, GoodbyeEndsTheWatch) {
  Watched it;
  ASSERT_FALSE(it.pass(10));
  EXPECT_FALSE(it.watch.all_said_goodbye());
  it.watch.heard(1, beat(Kind::goodbye), 10);
  it.watch.process_ended(1, 10);
  EXPECT_TRUE(it.watch.gone(1));
  EXPECT_TRUE(it.watch.listens(1));
  for (double now = 10; now < 50; now += 0.5) {
    it.watch.heard(2, beat(), now);
    it.watch.listened(now);
    ASSERT_FALSE(it.watch.judge(now, {}));
  }
  EXPECT_FALSE(it.watch.all_said_goodbye());
  it.watch.heard(2, beat(Kind::goodbye), 50);
  EXPECT_TRUE(it.watch.all_said_goodbye());
}

TEST(PeerWatch, FailureIsToldWithItsCode) {
  Watched it;
  Heartbeat failed = beat(Kind::failed);
  failed.code = 3;
  it.watch.heard(2, failed, 0.1);
  it.watch.process_ended(2, 0.1);
  const auto verdict = it.watch.judge(0.1, {});
  ASSERT_TRUE(verdict);
  EXPECT_EQ(verdict->cause, Cause::failed);
  EXPECT_EQ(verdict->peer, 2);
  EXPECT_EQ(describe(*verdict), "it failed with code 3");
  EXPECT_FALSE(it.watch.listens(2));
}

// Rank 1 leaves because of rank 2, and its own end is not held against it.
TEST(PeerWatch, VerdictOfAPeerIsHandedOn) {
  Watched it;
  Heartbeat leaving = beat(Kind::leaving);
  leaving.peer = 2;
  leaving.cause = static_cast<std::int32_t>(Cause::silent);
  leaving.seconds = 10.2;
  it.watch.process_ended(1, 0.1);
  it.watch.heard(1, leaving, 0.2);
  it.watch.listened(0.2);
  it.watch.listened(0.3);
  const auto verdict = it.watch.judge(0.3, {});
  ASSERT_TRUE(verdict);
  EXPECT_EQ(verdict->cause, Cause::silent);
  EXPECT_EQ(verdict->peer, 2);
  EXPECT_EQ(verdict->noticed_by, 1);
  EXPECT_EQ(describe(*verdict), "silent for 10.2 s");
}

TEST(PeerWatch, OwnPauseIsNotBlamedOnPeers) {
  Watched it;
  ASSERT_FALSE(it.pass(20));
  EXPECT_FALSE(it.watch.judge(60, {}));  // stopped for 40 s, then woken up
  EXPECT_GT(it.watch.own_pause(), 40);
  it.now = 60;
  EXPECT_FALSE(it.pass(69, 1));
  EXPECT_TRUE(it.pass(80, 1));  // but a peer that stays silent from then on is lost
}

TEST(PeerWatch, ChannelThatHangsIsNoPeersSilence) {
  Watched it;
  ASSERT_FALSE(it.pass(20));
  std::optional<PeerWatch::Verdict> verdict;
  for (double now = 20; now < 40 && !verdict; now += 0.5) verdict = it.watch.judge(now, {});
  ASSERT_TRUE(verdict);
  EXPECT_EQ(verdict->cause, Cause::stuck);
  EXPECT_EQ(verdict->peer, -1);
}

TEST(PeerWatch, LatePeerIsTheOneThatHasNotCome) {
  Watched it;
  const Owns own = waiting(41, 100);
  Heartbeat there = beat(), behind = beat();
  there.progress[0] = progress(41, 42);
  behind.progress[0] = progress(40, 41);
  for (it.now = 100; it.now < 160; it.now += 0.5) {
    it.watch.heard(1, there, it.now);
    it.watch.heard(2, behind, it.now);
    it.watch.listened(it.now);
    ASSERT_FALSE(it.now > 101 && it.watch.judge(it.now, own)) << it.now;
    if (it.now <= 101) static_cast<void>(it.watch.judge(it.now, own));
  }
  const auto verdict = it.watch.judge(160.5, own);
  ASSERT_TRUE(verdict);
  EXPECT_EQ(verdict->cause, Cause::late);
  EXPECT_EQ(verdict->peer, 2);
}

TEST(PeerWatch, NobodyBehindMeansThatCommunicationHangs) {
  Watched it;
  const Owns own = waiting(41, 100);
  Heartbeat there = beat();
  there.progress[0] = progress(41, 42);
  std::optional<PeerWatch::Verdict> verdict;
  for (double now = 0; now < 200 && !verdict; now += 0.5) {
    it.watch.heard(1, there, now);
    it.watch.heard(2, there, now);
    it.watch.listened(now);
    verdict = it.watch.judge(now, now < 100 ? Owns{} : own);
  }
  ASSERT_TRUE(verdict);
  EXPECT_EQ(verdict->cause, Cause::stuck);
  EXPECT_EQ(verdict->peer, -1);
}

TEST(PeerWatch, TimeOfZeroWaitsForEver) {
  Watched it;
  it.watch.set({.heartbeat = 1, .lost_after = 10, .collective_timeout = 0});
  EXPECT_FALSE(it.pass(5000, -1, waiting(0, 0)));
}

TEST(PeerWatch, AnotherOperationUnderTheSameNumberIsAMistake) {
  // How far rank 1 is, and the operation of ours that is ahead of, beside or behind its own.
  for (const auto& [ended, issued] : {std::pair{41, 42}, std::pair{42, 42}, std::pair{44, 46}, std::pair{39, 43}}) {
    Watched it;
    Heartbeat other = beat();
    other.progress[0] = progress(static_cast<std::uint64_t>(ended), static_cast<std::uint64_t>(issued));
    it.watch.heard(1, other, 1);
    EXPECT_FALSE(it.watch.judge(1, waiting(41, 1))) << ended;
    other.progress[0].signatures[42 % 8] = 7;
    it.watch.heard(1, other, 2);
    const auto verdict = it.watch.judge(2, waiting(41, 1));
    ASSERT_TRUE(verdict) << ended;
    EXPECT_EQ(verdict->cause, Cause::mismatched);
    EXPECT_EQ(verdict->peer, 1);
  }
}

TEST(PeerWatch, WhatIsNoLongerRememberedIsNotCompared) {
  Watched it;
  Heartbeat far_ahead = beat();
  far_ahead.progress[0] = progress(60, 61);
  it.watch.heard(1, far_ahead, 1);
  EXPECT_FALSE(it.watch.judge(1, waiting(41, 1)));
}

TEST(PeerWatch, GoodbyeBeforeAnOperationOfOursIsAMistake) {
  Watched it;
  Heartbeat goodbye = beat(Kind::goodbye);
  goodbye.progress[0] = progress(41, 41);
  it.watch.heard(1, goodbye, 1);
  EXPECT_FALSE(it.watch.judge(1, {}));
  const auto verdict = it.watch.judge(1, waiting(41, 1));
  ASSERT_TRUE(verdict);
  EXPECT_EQ(verdict->cause, Cause::mismatched);
}

TEST(PeerWatch, ErrorOfTheLibraryWaitsForTheOneWhoIsLost) {
  Watched it;
  Owns own = waiting(0, 0);
  own[0].failure = true;
  ASSERT_FALSE(it.pass(10, -1, own));
  const auto verdict = it.pass(20, -1, own);
  ASSERT_TRUE(verdict);
  EXPECT_EQ(verdict->cause, Cause::stuck);
  EXPECT_EQ(describe(*verdict), "the communication library has failed");
}

}  // namespace
}  // namespace plait
