#include "train/distributed/ranks.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <thread>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include "base/fail.h"
#include "train/distributed/heartbeat.h"

namespace cobra::train {
namespace {

constexpr std::chrono::seconds kMeetWithin{60};
constexpr std::chrono::milliseconds kLookEvery{50};
// Ranks may wait long for each other: one writes a checkpoint, another has the longer texts. Who is dead is
// known otherwise: a closed connection, no sign of life.
constexpr std::chrono::hours kWaitAtMost{24};
constexpr int64_t kBucketElements = 8 << 20;

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

/// Runs what talks to other ranks; libtorch's and Gloo's errors become a RankLost of one line.
template <class Talk>
void talk(const std::string& what, const Talk& body) {
  try {
    body();
  } catch (const c10::Error& error) {
    throw RankLost(fmt::format("{}: {}", what, printable(first_line(error.what_without_backtrace()), 300)));
  } catch (const std::exception& error) {
    throw RankLost(fmt::format("{}: {}", what, printable(first_line(error.what()), 300)));
  }
}

constexpr const char* kLost =
    "another rank has ended or cannot be reached, and so the run ends here; finished checkpoints are kept";

/// The first rank serves the store, unless the launcher does; every other connection to it is a client's. The
/// launcher's outlives the ranks that it starts again, and has keys of its own.
c10::intrusive_ptr<c10d::Store> open_store(const RankEnvironment& environment, bool serve) {
  c10d::TCPStoreOptions options;
  options.port = static_cast<uint16_t>(environment.port);
  options.isServer = serve && !environment.launcher_serves;
  options.waitWorkers = false;
  options.timeout = kMeetWithin;
  return c10::make_intrusive<c10d::PrefixStore>(
      fmt::format("cobra/{}", environment.attempt),
      c10::make_intrusive<c10d::TCPStore>(environment.host, options));
}

/// Ranks that differ in how many they are do not meet.
std::string cores_key(const RankEnvironment& environment, int rank) {
  return fmt::format("cores/{}/{}", environment.count, rank);
}

/// Tells the others the cores of this rank and returns theirs. It is also how ranks wait for each other: the
/// group that they form would wait for one that never comes as long as for a slow one.
std::vector<std::string> exchange_cores(c10d::Store& store, const RankEnvironment& environment) {
  const auto deadline = std::chrono::steady_clock::now() + kMeetWithin;
  const std::string own = core_set();
  store.set(cores_key(environment, environment.rank), {own.begin(), own.end()});
  std::vector<std::string> all;
  for (int rank = 0; rank < environment.count; ++rank) {
    while (!store.check({cores_key(environment, rank)})) {
      check(std::chrono::steady_clock::now() < deadline, "rank {} has not come within {} seconds", rank,
            kMeetWithin.count());
      std::this_thread::sleep_for(kLookEvery);
    }
    const std::vector<uint8_t> cores = store.get(cores_key(environment, rank));
    all.emplace_back(cores.begin(), cores.end());
  }
  return all;
}

/// The network that the ranks share: GLOO_SOCKET_IFNAME names it as in libtorch; ranks of one machine need
/// none.
auto network_device(const RankEnvironment& environment) {
  if (const char* interface = std::getenv("GLOO_SOCKET_IFNAME"))
    return c10d::ProcessGroupGloo::createDeviceForInterface(interface);
  if (environment.local_count == environment.count)
    return c10d::ProcessGroupGloo::createDeviceForHostname("127.0.0.1");
  return c10d::ProcessGroupGloo::createDefaultDevice();
}

/// Calls `collective` on flat pieces of at most kBucketElements, so that many small tensors are one message.
template <class Collective>
void in_buckets(const std::vector<Tensor>& tensors, const Collective& collective) {
  const NoGradGuard no_grad;
  for (size_t begin = 0; begin < tensors.size();) {
    size_t end = begin;
    int64_t elements = 0;
    std::vector<Tensor> flat;
    do {
      elements += tensors[end].numel();
      flat.push_back(tensors[end].flatten());
      ++end;
    } while (end < tensors.size() && elements + tensors[end].numel() <= kBucketElements);
    std::vector<Tensor> bucket{torch::cat(flat)};
    collective(bucket);
    int64_t offset = 0;
    for (size_t i = begin; i < end; ++i) {
      Tensor target = tensors[i];
      target.copy_(bucket[0].narrow(0, offset, target.numel()).view(target.sizes()));
      offset += target.numel();
    }
    begin = end;
  }
}

}  // namespace

struct Ranks::Group {
  c10::intrusive_ptr<c10d::Store> store;
  c10::intrusive_ptr<c10d::ProcessGroupGloo> gloo;
  std::unique_ptr<Heartbeat> heartbeat;

  void sum(std::vector<Tensor>& tensors) const { gloo->allreduce(tensors)->wait(); }
  void broadcast(std::vector<Tensor>& tensors, int from) const {
    c10d::BroadcastOptions options;
    options.rootRank = from;
    gloo->broadcast(tensors, options)->wait();
  }
};

Ranks::Ranks() = default;

Ranks::Ranks(const RankEnvironment& environment) : environment_(environment) {
  if (environment.count == 1) return;
  group_ = std::make_unique<Group>();
  const std::string what = fmt::format("rank {} of {} at {}:{}: the ranks did not meet", environment.rank,
                                       environment.count, printable(environment.host), environment.port);
  talk(what, [&] {
    group_->store = open_store(environment, environment.rank == 0);
    auto options = c10d::ProcessGroupGloo::Options::create(kMeetWithin);
    options->devices.push_back(network_device(environment));
    options->timeout = kWaitAtMost;
    const auto cores = exchange_cores(*group_->store, environment);
    on_same_cores_ =
        static_cast<int>(std::ranges::count(cores, cores[static_cast<size_t>(environment.rank)]));
    // From here on who dies is noticed.
    group_->heartbeat =
        std::make_unique<Heartbeat>(open_store(environment, false), environment.rank, environment.count);
    group_->gloo = c10::make_intrusive<c10d::ProcessGroupGloo>(group_->store, environment.rank,
                                                               environment.count, options);
  });
}

Ranks::~Ranks() = default;

void Ranks::sum(const std::vector<Tensor>& tensors) const {
  if (!group_) return;
  talk(kLost, [&] { in_buckets(tensors, [&](std::vector<Tensor>& bucket) { group_->sum(bucket); }); });
}

void Ranks::sum(std::vector<double>& values) const {
  if (!group_) return;
  std::vector<Tensor> tensor{torch::tensor(values, torch::kFloat64)};
  talk(kLost, [&] { group_->sum(tensor); });
  std::copy_n(tensor[0].data_ptr<double>(), values.size(), values.begin());
}

void Ranks::broadcast(const std::vector<Tensor>& tensors, int from) const {
  if (!group_) return;
  talk(kLost,
       [&] { in_buckets(tensors, [&](std::vector<Tensor>& bucket) { group_->broadcast(bucket, from); }); });
}

std::optional<int> Ranks::first_that_differs(const Hash128& value) const {
  // Parts of 16 bits, each in a place of its rank's own: their sums are exact.
  constexpr size_t kParts = sizeof(Hash128) / 2;
  std::vector<double> parts(kParts * static_cast<size_t>(count()), 0);
  for (size_t i = 0; i < kParts; ++i) {
    parts[kParts * static_cast<size_t>(rank()) + i] = value[2 * i] * 256 + value[2 * i + 1];
  }
  sum(parts);
  for (int other = 1; other < count(); ++other) {
    const auto begin = parts.begin() + static_cast<std::ptrdiff_t>(kParts) * other;
    if (!std::equal(begin, begin + kParts, parts.begin())) return other;
  }
  return std::nullopt;
}

void Ranks::meet() const {
  std::vector<double> nothing{0};
  sum(nothing);
}

void Ranks::finish() {
  if (!group_) return;
  meet();
  group_->heartbeat.reset();
  meet();  // nobody leaves before all have stopped to listen for the others
}

}  // namespace cobra::train
