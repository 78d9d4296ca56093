// NCCL for tests: what is called becomes work of the executor's stream, captured with it where it is captured, and goes
// through shared memory when it runs. As with NCCL an operation whose peers do not come, or come with another one,
// never ends.
//
// PLAIT_FAKE_NCCL_FAULT=error:R:N, hang:R:N or order:R:N makes rank R's Nth group of operations (from 1) end in an
// asynchronous error, hang, or run behind the one that follows it.
#include "nccl.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "kernels/simt/stream.h"

namespace {

// One direction between two ranks: a ring of bytes.
struct Channel {
  static constexpr std::uint64_t capacity = 64 * 1024;
  std::atomic<std::uint64_t> written{0}, read{0};
  std::byte ring[capacity];
};

struct Shared {
  std::atomic<int> joined{0};
  Channel channels[1];  // [from * ranks + to]
};

std::size_t bytes_of(ncclDataType_t type) {
  return type == ncclFloat ? sizeof(float) : 1;
}

[[noreturn]] void hang() {
  for (;;) usleep(10'000);
}

struct Header {
  std::uint64_t kind = 0, bytes = 0;
  bool operator==(const Header&) const = default;
};

// A message on its way: its header, then its bytes.
struct Transfer {
  bool send = false;
  int peer = 0;
  Header header{};
  std::byte* data = nullptr;
  std::uint64_t moved = 0;  // header included
  Header seen{};

  bool done() const { return moved == sizeof(Header) + header.bytes; }
};

// What a sum still has to do when the ranks' parts are there.
struct Sum {
  const float* own = nullptr;
  float* to = nullptr;
  std::size_t count = 0;
  std::vector<std::vector<float>> parts;  // by rank
};

}  // namespace

struct ncclComm {
  int rank = 0, ranks = 1;
  Shared* shared = nullptr;
  std::size_t mapped = 0;
  std::atomic<int> error{ncclSuccess};
  std::string fault;
  std::int64_t fault_at = 0, run = 0;

  struct Work {
    std::vector<Transfer> transfers;
    std::vector<Sum> sums;
  };
  std::shared_ptr<const Work> held_back;  // by the fault "order"

  Channel& channel(int from, int to) { return shared->channels[from * ranks + to]; }
  void execute(const std::shared_ptr<const Work>& work);
  void move(const Work& work);
  bool step(Transfer& transfer);
};

namespace {

using Work = ncclComm::Work;

thread_local int depth = 0;
thread_local std::shared_ptr<Work> gathered;
thread_local ncclComm_t gathered_comm = nullptr;
thread_local cudaStream_t gathered_stream = nullptr;

void submit(ncclComm_t comm, cudaStream_t stream, std::shared_ptr<const Work> work) {
  plait::simt::enqueue(stream, [comm, work = std::move(work)] { comm->execute(work); });
}

// add(Work&): within a group to what is gathered, else work of its own.
template <class Add>
ncclResult_t call(ncclComm_t comm, cudaStream_t stream, const Add& add) {
  if (depth == 0) {
    auto work = std::make_shared<Work>();
    add(*work);
    submit(comm, stream, std::move(work));
    return ncclSuccess;
  }
  if (gathered_comm != nullptr && (gathered_comm != comm || gathered_stream != stream)) return ncclInvalidUsage;
  gathered_comm = comm;
  gathered_stream = stream;
  add(*gathered);
  return ncclSuccess;
}

enum Kind : std::uint64_t { point_to_point = 1, broadcast, reduce };

Transfer transfer(bool send, int peer, Kind kind, const void* data, std::size_t bytes) {
  return {.send = send,
          .peer = peer,
          .header = {.kind = kind, .bytes = bytes},
          .data = static_cast<std::byte*>(const_cast<void*>(data))};
}

}  // namespace

// Moves what there is or is room for. True: something moved.
bool ncclComm::step(Transfer& t) {
  Channel& c = t.send ? channel(rank, t.peer) : channel(t.peer, rank);
  const std::uint64_t written = c.written.load(std::memory_order_acquire),
                      read = c.read.load(std::memory_order_acquire);
  const std::uint64_t there = t.send ? Channel::capacity - (written - read) : written - read;
  std::uint64_t moved = 0;
  for (; moved < there && !t.done(); ++moved, ++t.moved) {
    std::byte& in_ring = c.ring[((t.send ? written : read) + moved) % Channel::capacity];
    const bool in_header = t.moved < sizeof(Header);
    auto* header = reinterpret_cast<std::byte*>(t.send ? &t.header : &t.seen);
    std::byte& here = in_header ? header[t.moved] : t.data[t.moved - sizeof(Header)];
    if (t.send)
      in_ring = here;
    else
      here = in_ring;
    if (!t.send && t.moved + 1 == sizeof(Header) && !(t.seen == t.header)) hang();
  }
  if (moved == 0) return false;
  if (t.send)
    c.written.store(written + moved, std::memory_order_release);
  else
    c.read.store(read + moved, std::memory_order_release);
  return true;
}

void ncclComm::move(const Work& work) {
  std::vector<Transfer> transfers = work.transfers;
  std::vector<Sum> sums = work.sums;
  for (Sum& sum : sums)
    for (int peer = 0; peer < ranks; ++peer) {
      sum.parts.emplace_back(sum.own, sum.own + sum.count);
      if (peer == rank) continue;
      transfers.push_back(transfer(false, peer, reduce, sum.parts.back().data(), sum.count * sizeof(float)));
    }
  int idle = 0;
  for (bool open = true; open;) {
    open = false;
    bool moved = false;
    std::vector<bool> taken(static_cast<std::size_t>(2 * ranks), false);  // a channel's messages go one by one
    for (Transfer& t : transfers) {
      const auto way = static_cast<std::size_t>(2 * t.peer + (t.send ? 1 : 0));
      if (t.done() || taken[way]) continue;
      taken[way] = true;
      moved = step(t) || moved;
      open = open || !t.done();
    }
    // A message that ended now may have one behind it.
    for (const Transfer& t : transfers) open = open || !t.done();
    idle = moved ? 0 : idle + 1;
    if (idle > 100)
      usleep(100);  // the peers may need this core
    else if (idle > 0)
      sched_yield();
  }
  for (const Sum& sum : sums)
    for (std::size_t i = 0; i < sum.count; ++i) {
      float total = 0;
      for (const std::vector<float>& part : sum.parts) total += part[i];
      sum.to[i] = total;
    }
}

void ncclComm::execute(const std::shared_ptr<const Work>& work) {
  ++run;
  if (fault == "error" && run == fault_at) error = ncclSystemError;
  if ((fault == "error" || fault == "hang") && run == fault_at) hang();
  if (fault == "order" && run == fault_at) {
    held_back = work;
    return;
  }
  move(*work);
  if (held_back) move(*std::exchange(held_back, nullptr));
}

extern "C" {

ncclResult_t ncclGetUniqueId(ncclUniqueId* id) {
  static std::atomic<int> ids{0};
  std::snprintf(id->internal, sizeof id->internal, "/plait-fake-nccl-%d-%d", getpid(), ++ids);
  return ncclSuccess;
}

ncclResult_t ncclCommInitRank(ncclComm_t* comm, int ranks, ncclUniqueId id, int rank) {
  auto made = std::make_unique<ncclComm>();
  made->rank = rank;
  made->ranks = ranks;
  made->mapped = sizeof(Shared) + static_cast<std::size_t>(ranks * ranks) * sizeof(Channel);
  const int file = shm_open(id.internal, O_CREAT | O_RDWR, 0600);
  if (file < 0) return ncclSystemError;
  const bool sized = ftruncate(file, static_cast<off_t>(made->mapped)) == 0;
  void* memory = sized ? mmap(nullptr, made->mapped, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0) : MAP_FAILED;
  close(file);
  if (memory == MAP_FAILED) return ncclSystemError;
  made->shared = static_cast<Shared*>(memory);  // zeros are a valid start
  ++made->shared->joined;
  while (made->shared->joined < ranks) usleep(1000);
  shm_unlink(id.internal);
  if (const char* fault = std::getenv("PLAIT_FAKE_NCCL_FAULT")) {
    char kind[16] = "";
    int at_rank = -1;
    long at = 0;
    if (std::sscanf(fault, "%15[a-z]:%d:%ld", kind, &at_rank, &at) == 3 && at_rank == rank) {
      made->fault = kind;
      made->fault_at = at;
    }
  }
  *comm = made.release();
  return ncclSuccess;
}

ncclResult_t ncclCommAbort(ncclComm_t) {
  return ncclSuccess;  // its memory goes with the process: an operation may hang in it
}

ncclResult_t ncclCommGetAsyncError(ncclComm_t comm, ncclResult_t* error) {
  *error = static_cast<ncclResult_t>(comm->error.load());
  return ncclSuccess;
}

const char* ncclGetErrorString(ncclResult_t result) {
  return result == ncclSuccess ? "no error" : result == ncclSystemError ? "unhandled system error" : "invalid usage";
}

ncclResult_t ncclGroupStart() {
  if (depth++ == 0) gathered = std::make_shared<Work>();
  return ncclSuccess;
}

ncclResult_t ncclGroupEnd() {
  if (depth == 0) return ncclInvalidUsage;
  if (--depth > 0) return ncclSuccess;
  if (gathered_comm != nullptr) submit(gathered_comm, gathered_stream, std::move(gathered));
  gathered = nullptr;
  gathered_comm = nullptr;
  return ncclSuccess;
}

ncclResult_t ncclSend(const void* data, size_t count, ncclDataType_t type, int peer, ncclComm_t comm,
                      cudaStream_t stream) {
  return call(comm, stream, [&](Work& work) {
    work.transfers.push_back(transfer(true, peer, point_to_point, data, count * bytes_of(type)));
  });
}

ncclResult_t ncclRecv(void* data, size_t count, ncclDataType_t type, int peer, ncclComm_t comm, cudaStream_t stream) {
  return call(comm, stream, [&](Work& work) {
    work.transfers.push_back(transfer(false, peer, point_to_point, data, count * bytes_of(type)));
  });
}

ncclResult_t ncclBroadcast(const void* send, void* receive, size_t count, ncclDataType_t type, int root,
                           ncclComm_t comm, cudaStream_t stream) {
  if (send != receive) return ncclInvalidUsage;  // of this library: in place
  return call(comm, stream, [&](Work& work) {
    const std::size_t bytes = count * bytes_of(type);
    if (comm->rank != root) work.transfers.push_back(transfer(false, root, broadcast, receive, bytes));
    for (int peer = 0; peer < comm->ranks && comm->rank == root; ++peer)
      if (peer != root) work.transfers.push_back(transfer(true, peer, broadcast, send, bytes));
  });
}

ncclResult_t ncclReduce(const void* send, void* receive, size_t count, ncclDataType_t type, ncclRedOp_t, int root,
                        ncclComm_t comm, cudaStream_t stream) {
  if (type != ncclFloat) return ncclInvalidUsage;
  return call(comm, stream, [&](Work& work) {
    if (comm->rank == root)
      work.sums.push_back(
          {.own = static_cast<const float*>(send), .to = static_cast<float*>(receive), .count = count, .parts = {}});
    else
      work.transfers.push_back(transfer(true, root, reduce, send, count * sizeof(float)));
  });
}

ncclResult_t ncclAllReduce(const void* send, void* receive, size_t count, ncclDataType_t type, ncclRedOp_t,
                           ncclComm_t comm, cudaStream_t stream) {
  if (type != ncclFloat) return ncclInvalidUsage;
  return call(comm, stream, [&](Work& work) {
    work.sums.push_back(
        {.own = static_cast<const float*>(send), .to = static_cast<float*>(receive), .count = count, .parts = {}});
    for (int peer = 0; peer < comm->ranks; ++peer)
      if (peer != comm->rank) work.transfers.push_back(transfer(true, peer, reduce, send, count * sizeof(float)));
  });
}
}
