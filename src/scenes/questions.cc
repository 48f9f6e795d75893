#include "scenes/questions.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "base/fail.h"

namespace cobra::scenes {
namespace {

/// Both spellings, since users have both.
std::string_view colour_word(SplitMix& random) { return random.chance(0.5) ? "colour" : "color"; }

std::string kind_of(const Object& object) {
  return fmt::format("{} {}", name(object.colour), name(object.shape));
}

template <typename Matches>
size_t count_if(const Scene& scene, const Matches& matches) {
  return static_cast<size_t>(std::count_if(scene.objects.begin(), scene.objects.end(), matches));
}

/// Objects that `red star` names without doubt.
std::vector<const Object*> named_objects(const Scene& scene) {
  std::vector<const Object*> named;
  for (const Object& object : scene.objects) {
    if (count_if(scene, [&](const Object& o) { return o.same_kind(object); }) == 1) named.push_back(&object);
  }
  return named;
}

/// Objects whose `property` no other has.
template <typename Property>
std::vector<const Object*> unique_by(const Scene& scene, const Property& property) {
  std::vector<const Object*> unique;
  for (const Object& object : scene.objects) {
    if (count_if(scene, [&](const Object& o) { return property(o) == property(object); }) == 1) {
      unique.push_back(&object);
    }
  }
  return unique;
}

/// What can be said of where two things are.
enum class Relation { left_of, right_of, above, below, inside, behind, touching };
constexpr std::array<std::string_view, 7> kRelationNames = {"left of", "right of", "above",   "below",
                                                            "inside",  "behind",   "touching"};
std::string_view name(Relation relation) { return kRelationNames[static_cast<size_t>(relation)]; }

/// The two objects of the scene's arrangement.
bool is_pair(const Scene& scene, const Object& first, const Object& second) {
  return &first == &scene.objects[0] && &second == &scene.objects[1];
}

/// nullopt: neither true nor clearly false.
std::optional<bool> holds(const Scene& scene, const Object& a, Relation relation, const Object& b) {
  const auto clearly = [](double offset) -> std::optional<bool> {
    if (std::abs(offset) < kClearOffset) return std::nullopt;
    return offset > 0;
  };
  const Arrangement arrangement = scene.arrangement;
  switch (relation) {
    case Relation::left_of:
      return clearly(b.x - a.x);
    case Relation::right_of:
      return clearly(a.x - b.x);
    case Relation::above:
      return clearly(b.y - a.y);
    case Relation::below:
      return clearly(a.y - b.y);
    case Relation::inside:
      return arrangement == Arrangement::inside && is_pair(scene, b, a);
    case Relation::behind:
      return arrangement == Arrangement::behind && is_pair(scene, a, b);
    case Relation::touching:
      if (!is_pair(scene, a, b) && !is_pair(scene, b, a)) return false;
      if (arrangement == Arrangement::apart || arrangement == Arrangement::touching) {
        return arrangement == Arrangement::touching;
      }
      return std::nullopt;  // one covers a part of the other: a matter of words
  }
  return std::nullopt;
}

class OpenQuestions {
 public:
  OpenQuestions(const Scene& scene, SplitMix& random) : scene_(scene), random_(random) {}

  std::vector<Exchange> all() {
    ask_colour();
    ask_shape();
    ask_texture();
    ask_size();
    ask_counts();
    ask_relation();
    random_.shuffle(exchanges_);
    return std::move(exchanges_);
  }

 private:
  const Scene& scene_;
  SplitMix& random_;
  std::vector<Exchange> exchanges_;

  void add(std::string_view type, std::string question, std::string_view answer, std::string sentence) {
    exchanges_.push_back({std::string(type), std::move(question), std::string(answer), std::move(sentence)});
  }
  const Object* one_of(const std::vector<const Object*>& objects) {
    return objects.empty() ? nullptr : objects[random_.below(objects.size())];
  }

  void ask_colour() {
    const Object* object = one_of(unique_by(scene_, [](const Object& o) { return o.shape; }));
    if (!object) return;
    const std::string_view word = colour_word(random_), shape = name(object->shape);
    const std::string question = random_.chance(0.7) ? fmt::format("What {} is the {}?", word, shape)
                                                     : fmt::format("What is the {} of the {}?", word, shape);
    add("colour", question, name(object->colour), fmt::format("The {} is {}.", shape, name(object->colour)));
  }

  void ask_shape() {
    const Object* object = one_of(unique_by(scene_, [](const Object& o) { return o.colour; }));
    if (!object) return;
    const std::string_view colour = name(object->colour);
    const std::string question = random_.chance(0.7) ? fmt::format("What shape is the {} object?", colour)
                                                     : fmt::format("What is the {} object?", colour);
    add("shape", question, name(object->shape),
        fmt::format("The {} object is a {}.", colour, name(object->shape)));
  }

  void ask_texture() {
    const Object* object = one_of(named_objects(scene_));
    if (!object) return;
    add("texture", fmt::format("Is the {} plain, striped or dotted?", kind_of(*object)),
        name(object->texture), fmt::format("The {} is {}.", kind_of(*object), name(object->texture)));
  }

  void ask_size() {
    const Object* object = one_of(named_objects(scene_));
    if (!object) return;
    add("size", fmt::format("Is the {} small or large?", kind_of(*object)), name(object->size),
        fmt::format("The {} is {}.", kind_of(*object), name(object->size)));
  }

  void add_count(const std::string& what_one, size_t count) {
    const std::string things = count == 1 ? what_one : what_one + (what_one.ends_with("cross") ? "es" : "s");
    const std::string many = what_one + (what_one.ends_with("cross") ? "es" : "s");
    add("count", fmt::format("How many {} are there?", many), std::to_string(count),
        fmt::format("There {} {} {}.", count == 1 ? "is" : "are", count, things));
  }

  void ask_counts() {
    add_count("object", scene_.objects.size());
    // Mostly of what is there, or nearly all answers would be 0.
    const Object& object = scene_.objects[random_.below(scene_.objects.size())];
    const Shape shape =
        random_.chance(0.85) ? object.shape : static_cast<Shape>(random_.below(kShapeNames.size()));
    add_count(std::string(name(shape)), count_if(scene_, [&](const Object& o) { return o.shape == shape; }));
    const Colour colour =
        random_.chance(0.85) ? object.colour : static_cast<Colour>(random_.below(kColourNames.size()));
    add_count(fmt::format("{} object", name(colour)),
              count_if(scene_, [&](const Object& o) { return o.colour == colour; }));
  }

  void ask_relation() {
    if (scene_.arrangement == Arrangement::apart) return;
    const Object &first = scene_.objects[0], &second = scene_.objects[1];
    const auto [subject, relation, object] = [&]() -> std::tuple<const Object&, Relation, const Object&> {
      if (scene_.arrangement == Arrangement::inside) return {second, Relation::inside, first};
      if (scene_.arrangement == Arrangement::behind) return {first, Relation::behind, second};
      return {first, Relation::touching, second};
    }();
    const auto named = named_objects(scene_);
    if (std::find(named.begin(), named.end(), &object) == named.end()) return;
    const std::string place = fmt::format("{} the {}", name(relation), kind_of(object));
    const std::string sentence = fmt::format("A {} is {}.", kind_of(subject), place);
    if (random_.chance(0.5)) {
      add(name(relation), fmt::format("What is {}?", place), kind_of(subject), sentence);
    } else {
      add(name(relation), fmt::format("What {} is the object {}?", colour_word(random_), place),
          name(subject.colour), sentence);
    }
  }
};

bool is_there(const Scene& scene, const Object& kind) {
  return count_if(scene, [&](const Object& o) { return o.same_kind(kind); }) > 0;
}

Object any_kind(SplitMix& random) {
  Object kind;
  kind.shape = static_cast<Shape>(random.below(kShapeNames.size()));
  kind.colour = static_cast<Colour>(random.below(kColourNames.size()));
  return kind;
}

/// A combination that the scene does not have; in training never one that is held out, not even to deny it.
Object absent_kind(const Scene& scene, Absent absent, Part part, SplitMix& random) {
  constexpr int kTries = 60;
  const auto one = [&]() -> const Object& { return scene.objects[random.below(scene.objects.size())]; };
  for (int i = 0;; ++i) {
    Object kind = any_kind(random);
    const bool similar = i < kTries;  // a scene may have nothing that is similar and absent
    if (similar && absent != Absent::random) kind.shape = one().shape;
    if (similar && absent == Absent::adversarial) kind.colour = one().colour;
    if (part == Part::train && held_out(kind.shape, kind.colour)) continue;
    if (!is_there(scene, kind)) return kind;
  }
}

Presence presence_of(const Object& kind, bool truth, SplitMix& random) {
  const std::string object = kind_of(kind);
  const std::string_view article = object.starts_with("orange") ? "an" : "a";
  return {object,
          fmt::format("Is there {} {} in the {}?", article, object, random.chance(0.8) ? "image" : "picture"),
          truth};
}

struct Pair {
  const Object *a, *b;
  Relation relation;
};

std::vector<Pair> pairs_where(const Scene& scene, bool truth) {
  const auto named = named_objects(scene);
  std::vector<Pair> pairs;
  for (const Object* a : named) {
    for (const Object* b : named) {
      for (size_t r = 0; a != b && r < kRelationNames.size(); ++r) {
        const auto relation = static_cast<Relation>(r);
        if (holds(scene, *a, relation, *b) == truth) pairs.push_back({a, b, relation});
      }
    }
  }
  return pairs;
}

/// inside, behind and touching hold for one pair at most and are false of all others: they are taken about as
/// often in statements that hold as in those that do not, or the relation would give the answer away.
const Pair& choose(const Scene& scene, const std::vector<Pair>& pairs, SplitMix& random) {
  const bool special = scene.arrangement != Arrangement::apart && random.chance(0.5);
  std::vector<const Pair*> chosen;
  for (const Pair& pair : pairs) {
    const bool is_special = pair.relation >= Relation::inside;
    const auto own = static_cast<Relation>(static_cast<size_t>(Relation::inside) +
                                           static_cast<size_t>(scene.arrangement) - 1);
    if (special ? pair.relation == own : !is_special) chosen.push_back(&pair);
  }
  return chosen.empty() ? pairs[random.below(pairs.size())] : *chosen[random.below(chosen.size())];
}

}  // namespace

std::vector<Exchange> open_questions(const Scene& scene, SplitMix& random) {
  return OpenQuestions(scene, random).all();
}

std::vector<Statement> statements(const Scene& scene, size_t count, SplitMix& random) {
  const std::vector<Pair> both[] = {pairs_where(scene, false), pairs_where(scene, true)};
  std::vector<Statement> made;
  if (both[0].empty() || both[1].empty()) return made;
  for (size_t i = 0; i < count; ++i) {
    const bool truth = random.chance(0.5);
    const Pair& pair = choose(scene, both[truth], random);
    const std::string subject = kind_of(*pair.a), object = kind_of(*pair.b);
    std::string caption = fmt::format("The {} is {} the {}.", subject, name(pair.relation), object);
    const auto same = [&](const Statement& other) { return other.caption == caption; };
    if (std::any_of(made.begin(), made.end(), same)) continue;
    made.push_back({std::move(caption), subject, object, std::string(name(pair.relation)), truth});
  }
  return made;
}

std::vector<Presence> presence(const Scene& scene, Absent absent, Part part, SplitMix& random) {
  const Object& there = scene.objects[random.below(scene.objects.size())];
  std::vector<Presence> made = {presence_of(there, true, random),
                                presence_of(absent_kind(scene, absent, part, random), false, random)};
  random.shuffle(made);
  return made;
}

Exchange question_about(const Illusion& illusion, SplitMix& random) {
  const bool discs = illusion.kind == IllusionKind::ebbinghaus;
  const std::string_view thing = discs                                  ? "inner circle"
                                 : illusion.kind == IllusionKind::ponzo ? "bar"
                                                                        : "line";
  const std::string_view more = discs ? "larger" : "longer";
  const size_t first = random.below(2);
  const auto colour = [&](size_t i) { return name(illusion.colours[i]); };
  const std::string question = fmt::format("Which {} is {}, the {} one or the {} one, or are they equal?",
                                           thing, more, colour(first), colour(1 - first));
  const std::string type(name(illusion.kind));
  const int larger = illusion.larger();
  if (larger < 0) return {type, question, "equal", fmt::format("The two {}s are equal.", thing)};
  const std::string_view answer = colour(static_cast<size_t>(larger));
  return {type, question, std::string(answer), fmt::format("The {} {} is {}.", answer, thing, more)};
}

std::string caption(const Scene& scene) {
  constexpr std::array<std::string_view, 6> kNumbers = {"no", "one", "two", "three", "four", "five"};
  std::vector<const Object*> ordered;
  for (const Object& object : scene.objects) ordered.push_back(&object);
  std::sort(ordered.begin(), ordered.end(), [](const Object* a, const Object* b) { return a->x < b->x; });
  std::vector<std::string> parts;
  for (const Object* object : ordered) {
    parts.push_back(fmt::format("a {} {} {}", name(object->size), name(object->texture), kind_of(*object)));
  }
  std::string text = fmt::format("There {} {} object{}: ", parts.size() == 1 ? "is" : "are",
                                 kNumbers[parts.size()], parts.size() == 1 ? "" : "s");
  for (size_t i = 0; i < parts.size(); ++i) {
    if (i) text += i + 1 == parts.size() ? " and " : ", ";
    text += parts[i];
  }
  text += ".";
  if (scene.arrangement == Arrangement::apart) return text;
  const Object &first = scene.objects[0], &second = scene.objects[1];
  const std::string a = kind_of(first), b = kind_of(second);
  switch (scene.arrangement) {
    case Arrangement::inside:
      return text + fmt::format(" The {} is inside the {}.", b, a);
    case Arrangement::behind:
      return text + fmt::format(" The {} is behind the {}.", a, b);
    default:
      return text + fmt::format(" The {} touches the {}.", a, b);
  }
}

}  // namespace cobra::scenes
