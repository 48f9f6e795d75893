// A prepared dataset on disk: `root`/datasets/<family>/ with the index files, `root`/download/ with pictures.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "eval/benchmark.h"
#include "eval/fields.h"

namespace cobra::eval {

struct Dataset {
  const Benchmark* benchmark;
  std::string id;          // "gqa-full"
  std::string root;        // pictures are below it
  std::string index_path;  // for errors
  std::vector<Entry> entries;
  std::string annotations_path;  // what the scorer reads
  bool cut = false;              // entries are the first ones only: keep_first
};

/// Opens the dataset `id` of a benchmark: "<family>-full" ("" means this one), "<family>-slim",
/// "<family>-subsampled" or "<family>-slim-N". `data` is the root, its folder datasets/, or
/// datasets/<family>/. Throws Error that lists what was looked for.
Dataset open_dataset(const Benchmark& benchmark, const std::string& data, const std::string& id);

/// An index file: an object of objects, at least one. Throws Error naming the file and the question.
std::vector<Entry> read_index(const std::string& path);

/// Leaves out all but the first questions; of the annotations, those of the others then go unread.
void keep_first(Dataset& dataset, size_t questions);

/// The index entries by id; the dataset must outlive it.
ById dataset_by_id(const Dataset& dataset);

/// A folder that the user names, absolute and without "." or a slash at its end.
std::filesystem::path normal_folder(const std::string& folder);

/// All questions, in index order.
std::vector<Question> questions(const Dataset& dataset);

}  // namespace cobra::eval
