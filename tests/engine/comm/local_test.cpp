#include "engine/comm/local.h"

#include <gtest/gtest.h>

#include <numeric>
#include <vector>

#include "engine/comm/local_group.h"
#include "engine/error.h"

namespace plait {
namespace {

TEST(LocalCommunicator, CopiesWhereThereAreTwoBuffersAndKeepsWhereThereIsOne) {
  LocalCommunicator alone;
  EXPECT_EQ(alone.rank(), 0);
  EXPECT_EQ(alone.size(), 1);
  std::vector<float> data(10), receive(4, -1.0f);
  std::iota(data.begin(), data.end(), 0.0f);
  const std::vector<float> before = data;
  const std::vector<Piece> piece = {{.begin = 3, .count = 4}};

  alone.all_to_all(data.data(), piece, sizeof(float), receive.data(), nullptr).wait();
  EXPECT_EQ(receive, (std::vector<float>{3, 4, 5, 6}));
  receive.assign(4, -1.0f);
  alone.reduce_scatter(data.data(), piece, receive.data(), nullptr).wait();
  EXPECT_EQ(receive, (std::vector<float>{3, 4, 5, 6}));

  alone.all_gather(data.data(), piece, sizeof(float), nullptr).wait();
  alone.all_reduce(data.data(), 10, nullptr).wait();
  alone.broadcast(data.data(), 40, 0, nullptr).wait();
  alone.barrier(nullptr).wait();
  EXPECT_EQ(data, before);
}

TEST(LocalCommunicator, AnEmptyPieceNeedsNoMemory) {
  LocalCommunicator alone;
  const std::vector<Piece> piece = {{.begin = 0, .count = 0}};
  alone.all_to_all(nullptr, piece, 4, nullptr, nullptr).wait();
  alone.reduce_scatter(nullptr, piece, nullptr, nullptr).wait();
}

TEST(LocalCommunicator, RefusesPiecesOfOtherRanks) {
  LocalCommunicator alone;
  float number = 0;
  const std::vector<Piece> two = {{.begin = 0, .count = 1}, {.begin = 1, .count = 0}};
  EXPECT_THROW(static_cast<void>(alone.all_gather(&number, two, 4, nullptr)), Error);
  EXPECT_THROW(static_cast<void>(alone.broadcast(&number, 4, 1, nullptr)), Error);
}

TEST(LocalGroup, IsOneRankWithNobodyToLose) {
  LocalGroup group;
  EXPECT_EQ(group.rank(), 0);
  EXPECT_EQ(group.size(), 1);
  EXPECT_EQ(group.local_rank(), 0);
  EXPECT_EQ(group.machine(0), machine_name());
  EXPECT_FALSE(machine_name().empty());
  EXPECT_THROW(static_cast<void>(group.machine(1)), Error);
  EXPECT_FALSE(group.peer_lost());
  group.leave(0);
}

// A communicator that counts how often it is waited for.
class Counting final : public Communicator {
 public:
  int rank() const override { return 0; }
  int size() const override { return 1; }
  PendingCollective all_to_all(const void*, std::span<const Piece>, std::size_t, void*, cudaStream_t) override {
    return {};
  }
  PendingCollective all_gather(void*, std::span<const Piece>, std::size_t, cudaStream_t) override { return {}; }
  PendingCollective all_reduce(float*, std::int64_t, cudaStream_t) override { return {}; }
  PendingCollective reduce_scatter(const float*, std::span<const Piece>, float*, cudaStream_t) override { return {}; }
  PendingCollective broadcast(void*, std::size_t, int, cudaStream_t) override { return {}; }
  PendingCollective barrier(cudaStream_t) override { return {*this, ++tickets}; }

  std::uint64_t tickets = 0;
  std::vector<std::uint64_t> waited;

 private:
  void wait_for(std::uint64_t ticket) override {
    waited.push_back(ticket);
    if (ticket == 4) throw Error(ExitCode::peer, "lost");
  }
};

TEST(PendingCollective, IsWaitedForOnceWhateverHappensToIt) {
  using Tickets = std::vector<std::uint64_t>;
  Counting communicator;
  {
    PendingCollective nothing;
    nothing.wait();
    PendingCollective first = communicator.barrier(nullptr);
    first.wait();
    first.wait();
    EXPECT_EQ(communicator.waited, Tickets{1});
    PendingCollective second = communicator.barrier(nullptr), moved(std::move(second));
    second.wait();
    EXPECT_EQ(communicator.waited, Tickets{1});
    moved = communicator.barrier(nullptr);  // what it held before is waited for
    EXPECT_EQ(communicator.waited, (Tickets{1, 2}));
  }
  EXPECT_EQ(communicator.waited, (Tickets{1, 2, 3}));
  {
    PendingCollective failing = communicator.barrier(nullptr);
    EXPECT_THROW(failing.wait(), Error);
  }
  EXPECT_EQ(communicator.waited, (Tickets{1, 2, 3, 4}));
  communicator.tickets = 3;
  { const PendingCollective failing = communicator.barrier(nullptr); }  // swallows
  EXPECT_EQ(communicator.waited.size(), 5U);
}

}  // namespace
}  // namespace plait
