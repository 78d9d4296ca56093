#include <mpi.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <optional>
#include <thread>

#include "engine/comm/launcher.h"
#include "engine/comm/mpi_communicator.h"
#include "tests/engine/comm/ranks_program.h"

namespace plait::test {
namespace {

// Byte i of what rank `from` sends in round `round`.
std::uint8_t byte_of(int from, std::int64_t i, int round) {
  return static_cast<std::uint8_t>(from * 131 + round * 17 + i * 7 + (i >> 8) * 3);
}

// Float i of rank `from`: small integers, whose sums are exact in every order.
float float_of(int from, std::int64_t i, int round) {
  return static_cast<float>((from * 37 + round * 11 + i * 13) % 101 - 50);
}

constexpr std::uint8_t canary = 0xA5;

// Layouts that all ranks compute alike: piece q in the order of q or backwards, with a gap before each.
struct Layout {
  const char* name;
  std::vector<Piece> pieces;
  std::int64_t elements = 0;
};

Layout layout(const char* name, const std::vector<std::int64_t>& counts, std::int64_t gap, bool backwards) {
  Layout made{.name = name, .pieces = std::vector<Piece>(counts.size())};
  for (std::size_t i = 0; i < counts.size(); ++i) {
    const std::size_t q = backwards ? counts.size() - 1 - i : i;
    made.elements += gap;
    made.pieces[q] = {.begin = made.elements, .count = counts[q]};
    made.elements += counts[q];
  }
  made.elements += gap;
  return made;
}

std::vector<Layout> layouts(int ranks) {
  const auto n = static_cast<std::size_t>(ranks);
  std::vector<std::int64_t> equal(n, 5), none(n, 0), uneven(n), some_empty(n), only_last(n, 0), large(n);
  for (std::size_t q = 0; q < n; ++q) {
    uneven[q] = static_cast<std::int64_t>(q * q + 1);
    some_empty[q] = q % 2 == 0 ? 0 : static_cast<std::int64_t>(q + 3);
    large[q] = 100'003 + static_cast<std::int64_t>(q) * 4099;
  }
  only_last[n - 1] = 9;
  return {layout("equal", equal, 0, false),           layout("uneven", uneven, 0, false),
          layout("uneven, gaps", uneven, 3, false),   layout("uneven, backwards", uneven, 2, true),
          layout("some empty", some_empty, 1, false), layout("only the last", only_last, 1, false),
          layout("all empty", none, 0, false),        layout("large", large, 0, false)};
}

class Check {
 public:
  explicit Check(Communicator& communicator) : communicator_(communicator) {}

  void all_to_all(const Layout& layout, std::size_t unit, int round) {
    const std::size_t bytes = static_cast<std::size_t>(layout.elements) * unit;
    const Piece own = piece(layout, communicator_.rank());
    const std::size_t own_bytes = static_cast<std::size_t>(own.count) * unit;
    std::vector<std::uint8_t> send(bytes);
    for (std::size_t i = 0; i < bytes; ++i)
      send[i] = byte_of(communicator_.rank(), static_cast<std::int64_t>(i), round);
    std::vector<std::uint8_t> receive(own_bytes * static_cast<std::size_t>(communicator_.size()) + 1, canary);
    communicator_.all_to_all(send.data(), layout.pieces, unit, receive.data(), nullptr).wait();
    for (int from = 0; from < communicator_.size(); ++from)
      for (std::size_t i = 0; i < own_bytes; ++i)
        expect(receive[static_cast<std::size_t>(from) * own_bytes + i] ==
                   byte_of(from, own.begin * static_cast<std::int64_t>(unit) + static_cast<std::int64_t>(i), round),
               "all_to_all", layout.name);
    expect(receive.back() == canary, "all_to_all, past the end", layout.name);
  }

  void all_gather(const Layout& layout, std::size_t unit, int round) {
    std::vector<std::uint8_t> data(static_cast<std::size_t>(layout.elements) * unit, canary), expected = data;
    for (int q = 0; q < communicator_.size(); ++q) {
      const Piece it = piece(layout, q);
      for (std::size_t i = static_cast<std::size_t>(it.begin) * unit;
           i < static_cast<std::size_t>(it.begin + it.count) * unit; ++i) {
        expected[i] = byte_of(q, static_cast<std::int64_t>(i), round);
        if (q == communicator_.rank()) data[i] = expected[i];
      }
    }
    communicator_.all_gather(data.data(), layout.pieces, unit, nullptr).wait();
    expect(data == expected, "all_gather", layout.name);
  }

  void all_reduce(std::int64_t count, int round) {
    std::vector<float> data(static_cast<std::size_t>(count)), expected = data;
    for (std::int64_t i = 0; i < count; ++i) {
      data[static_cast<std::size_t>(i)] = float_of(communicator_.rank(), i, round);
      for (int q = 0; q < communicator_.size(); ++q) expected[static_cast<std::size_t>(i)] += float_of(q, i, round);
    }
    communicator_.all_reduce(data.data(), count, nullptr).wait();
    expect(data == expected, "all_reduce", std::to_string(count).c_str());
  }

  void reduce_scatter(const Layout& layout, int round) {
    std::vector<float> send(static_cast<std::size_t>(layout.elements));
    for (std::int64_t i = 0; i < layout.elements; ++i)
      send[static_cast<std::size_t>(i)] = float_of(communicator_.rank(), i, round);
    const Piece own = piece(layout, communicator_.rank());
    std::vector<float> receive(static_cast<std::size_t>(own.count) + 1, -1e9f), expected = receive;
    for (std::int64_t i = 0; i < own.count; ++i) {
      float sum = 0;
      for (int q = 0; q < communicator_.size(); ++q) sum += float_of(q, own.begin + i, round);
      expected[static_cast<std::size_t>(i)] = sum;
    }
    communicator_.reduce_scatter(send.data(), layout.pieces, receive.data(), nullptr).wait();
    expect(receive == expected, "reduce_scatter", layout.name);
  }

  void broadcast(std::size_t bytes, int root, int round) {
    std::vector<std::uint8_t> data(bytes), expected(bytes);
    for (std::size_t i = 0; i < bytes; ++i) {
      expected[i] = byte_of(root, static_cast<std::int64_t>(i), round);
      data[i] = communicator_.rank() == root ? expected[i] : canary;
    }
    communicator_.broadcast(data.data(), bytes, root, nullptr).wait();
    expect(data == expected, "broadcast", std::to_string(bytes).c_str());
  }

  void expect(bool holds, const char* operation, const char* what) {
    if (!holds && wrong_++ < 5)
      std::printf("rank %d of %d: %s (%s) is wrong\n", communicator_.rank(), communicator_.size(), operation, what);
  }
  int wrong() const { return wrong_; }

 private:
  static Piece piece(const Layout& layout, int rank) { return layout.pieces[static_cast<std::size_t>(rank)]; }

  Communicator& communicator_;
  int wrong_ = 0;
};

int check_all(Communicator& communicator) {
  Check check(communicator);
  int round = 0;
  for (const Layout& it : layouts(communicator.size())) {
    for (const std::size_t unit : {1, 2, 4, 8, 12}) {
      check.all_to_all(it, unit, ++round);
      check.all_gather(it, unit, ++round);
    }
    check.reduce_scatter(it, ++round);
  }
  for (const std::int64_t count : {0, 1, 3, 1000, 250'007}) check.all_reduce(count, ++round);
  for (const std::size_t bytes : {0, 1, 999, 1000, 1001, 3'000'017})
    for (int root = 0; root < communicator.size(); ++root) check.broadcast(bytes, root, ++round);
  communicator.barrier(nullptr).wait();
  return check.wrong() == 0 ? 0 : 1;
}

}  // namespace

int collectives(ProcessGroup& group) {
  Check check(group.host());
  check.expect(group.rank() == group.host().rank() && group.size() == group.host().size(), "ranks", "group");
  check.expect(group.local_rank() == group.rank(), "local rank", "one machine");  // of these tests
  // Nobody passes a barrier before the last one has come.
  using Clock = std::chrono::steady_clock;
  group.host().barrier(nullptr).wait();
  const Clock::time_point begin = Clock::now();
  if (group.rank() == group.size() - 1) std::this_thread::sleep_for(std::chrono::milliseconds(300));
  group.host().barrier(nullptr).wait();
  check.expect(Clock::now() - begin > std::chrono::milliseconds(250), "barrier", "one comes late");
  return check.wrong() == 0 ? check_all(group.host()) : 1;
}

int collectives_in_parts(ProcessGroup& group) {
  if (group.size() == 1) return 0;
  MpiCommunicator communicator(MPI_COMM_WORLD, 1000);
  return check_all(communicator);
}

int overlapping_collectives(ProcessGroup& group) {
  Communicator& host = group.host();
  const int ranks = host.size(), rank = host.rank();
  Check check(host);
  constexpr int many = 200;  // more than fit into the communicator's ring
  constexpr std::int64_t count = 5000;
  std::vector<Piece> pieces;
  for (int q = 0; q < ranks; ++q) pieces.push_back({.begin = q * count, .count = count});
  std::vector<std::vector<float>> data(many), received(many);
  std::vector<PendingCollective> pending(many);
  for (int k = 0; k < many; ++k) {
    const auto at = static_cast<std::size_t>(k);
    data[at].resize(static_cast<std::size_t>(ranks * count));
    received[at].resize(data[at].size());
    for (std::int64_t i = 0; i < ranks * count; ++i) data[at][static_cast<std::size_t>(i)] = float_of(rank, i, k);
    pending[at] = k % 2 == 0 ? host.all_to_all(data[at].data(), pieces, sizeof(float), received[at].data(), nullptr)
                             : host.all_reduce(data[at].data(), ranks * count, nullptr);
    if (k % 16 == rank) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  for (int k = many - 1; k >= 0; --k) {
    const auto at = static_cast<std::size_t>(k);
    if (k % 3 == 0)
      PendingCollective moved(std::move(pending[at]));  // waits where its life ends
    else
      pending[at].wait();
    bool right = true;
    for (std::int64_t i = 0; i < count; ++i) {
      if (k % 2 == 0) {
        for (int from = 0; from < ranks; ++from)
          right =
              right && received[at][static_cast<std::size_t>(from * count + i)] == float_of(from, rank * count + i, k);
      } else {
        float sum = 0;
        for (int from = 0; from < ranks; ++from) sum += float_of(from, i, k);
        right = right && data[at][static_cast<std::size_t>(i)] == sum;
      }
    }
    check.expect(right, "overlapping operations", std::to_string(k).c_str());
  }
  pending[0].wait();  // a second time: nothing
  return check.wrong() == 0 ? 0 : 1;
}

}  // namespace plait::test
