// The processes of one run, and what they say to each other: c10d on Gloo.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "base/hash.h"
#include "cobra/error.h"
#include "train/distributed/environment.h"
#include "train/torch.h"

namespace cobra::train {

/// Another rank has ended or cannot be reached: nothing is wrong with what this one does.
class RankLost : public Error {
 public:
  using Error::Error;
};

class Ranks {
 public:
  /// One process, which has nobody to talk to.
  Ranks();
  /// Meets the others. Throws Error when they do not all come within a minute.
  explicit Ranks(const RankEnvironment& environment);
  ~Ranks();
  Ranks(const Ranks&) = delete;
  Ranks& operator=(const Ranks&) = delete;

  int rank() const { return environment_.rank; }
  int count() const { return environment_.count; }
  bool is_first() const { return rank() == 0; }
  /// How many ranks, this one among them, may run on the very cores that this one may run on. A launcher may
  /// have given each its own.
  int on_same_cores() const { return on_same_cores_; }

  // All ranks call these alike, in the same order and with the same shapes. Throws Error when another rank
  // has ended. A rank that gives no sign of life for 20 seconds (its machine is off, its network is cut) ends
  // the process with a message.

  /// Sums over the ranks, in place; every rank gets the same bits. float32.
  void sum(const std::vector<Tensor>& tensors) const;
  /// Sums each of the values.
  void sum(std::vector<double>& values) const;
  /// What rank `from` has.
  void broadcast(const std::vector<Tensor>& tensors, int from) const;
  /// The first rank whose value is not rank 0's.
  std::optional<int> first_that_differs(const Hash128& value) const;
  /// Returns when all ranks have called it.
  void meet() const;
  /// The last word: afterwards any rank may leave.
  void finish();

 private:
  struct Group;
  RankEnvironment environment_;
  int on_same_cores_ = 1;
  std::unique_ptr<Group> group_;
};

}  // namespace cobra::train
