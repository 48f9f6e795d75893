// What the tests of this room share: a unique temporary folder, errors as text, and state dicts that are the
// reference data with something changed.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "base/fail.h"
#include "base/file.h"
#include "formats/safetensors.h"
#include "formats/state_dict.h"
#include "reference.h"

namespace cobra::testing {

class ModelFileTest : public ::testing::Test {
 protected:
  ModelFileTest() {
    const auto* info = ::testing::UnitTest::GetInstance()->current_test_info();
    folder_ = std::filesystem::temp_directory_path() /
              fmt::format("cobra_model_test_{}_{}_{}", ::getpid(), info->test_suite_name(), info->name());
    std::filesystem::create_directories(folder_);
  }
  ~ModelFileTest() override { std::filesystem::remove_all(folder_); }

  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  std::string write(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories(std::filesystem::path(path(name)).parent_path());
    std::ofstream(path(name), std::ios::binary) << text;
    return path(name);
  }
  /// Files in the folder, temporary ones of an interrupted write included.
  std::vector<std::string> files() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder_))
      names.push_back(entry.path().filename());
    return names;
  }

 private:
  std::filesystem::path folder_;
};

/// The message of the Error that `action` throws; a failure when it throws none.
inline std::string error_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos) << "more than one line";
    return error.what();
  }
  ADD_FAILURE() << "no Error was thrown";
  return "";
}

inline std::string bytes_of(const std::string& path) { return read_file(path, int64_t{1} << 30); }

/// A state dict in memory, to be changed and written as safetensors.
struct EditableDict {
  struct Tensor {
    DType type;
    std::vector<int64_t> shape;
    std::vector<std::byte> bytes;
  };
  std::map<std::string, Tensor> tensors;

  static EditableDict read(const std::string& path) {
    EditableDict dict;
    const auto file = StateDict::open(path);
    for (const TensorEntry& t : file->tensors()) {
      dict.tensors[t.name] = {t.type, t.shape, {t.bytes.begin(), t.bytes.end()}};
    }
    return dict;
  }
  void set(const std::string& name, const std::vector<int64_t>& shape, float value = 0) {
    int64_t count = 1;
    for (int64_t size : shape) count *= size;
    const std::vector<float> values(static_cast<size_t>(count), value);
    const auto bytes = std::as_bytes(std::span(values));
    Tensor tensor{DType::f32, shape, {bytes.begin(), bytes.end()}};
    tensors[name] = std::move(tensor);
  }
  void rename(const std::string& from, const std::string& to) {
    auto node = tensors.extract(from);
    node.key() = to;
    tensors.insert(std::move(node));
  }
  std::string write(const std::string& path) const {
    std::vector<TensorEntry> entries;
    for (const auto& [name, t] : tensors) entries.push_back({name, t.type, t.shape, t.bytes});
    write_safetensors(path, entries);
    return path;
  }
};

}  // namespace cobra::testing
