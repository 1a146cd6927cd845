//! Which modules and crates a source file names: in `use`, in paths, in attributes and inside macro calls.
//!
//! Invariants
//! - Every path that starts with `crate`, `self` or `super` is resolved to a path from `crate`.
//! - Macro arguments are not parsed, only scanned for `name::name`, so a path hidden by a macro is still seen.

use proc_macro2::{Delimiter, Spacing, Span, TokenStream, TokenTree};
use syn::visit::{self, Visit};

/// A path that a file names, absolute, and where.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Reference {
    pub(crate) line: usize,
    pub(crate) path: Vec<String>,
}

/// The module path of a file under `src/`; none for other files. The roots of the library and the binary are the empty path.
pub(crate) fn place(path: &str) -> Option<Vec<String>> {
    let stem = path.strip_prefix("src/")?.strip_suffix(".rs")?;
    let stem = stem.strip_suffix("/mod").unwrap_or(stem);
    Some(if matches!(stem, "lib" | "main") { Vec::new() } else { stem.split('/').map(str::to_owned).collect() })
}

/// Every path that the file at module path `place` names.
pub(crate) fn references(text: &str, place: &[String]) -> Result<Vec<Reference>, String> {
    let file = syn::parse_file(text).map_err(|e| format!("cannot be parsed: {e}"))?;
    let mut names = Names { place: place.to_vec(), found: Vec::new() };
    names.visit_file(&file);
    Ok(names.found)
}

struct Names {
    place: Vec<String>,
    found: Vec<Reference>,
}

impl Names {
    fn add(&mut self, span: Span, path: &[String]) {
        let ups = path.iter().take_while(|name| *name == "super").count();
        let path = match path.first().map(String::as_str) {
            Some("super") => {
                let kept = self.place.len().saturating_sub(ups);
                [&["crate".to_owned()], &self.place[..kept], &path[ups..]].concat()
            }
            // `self::super::x` is legal and means the same as `super::x`.
            Some("self") if path.get(1).is_some_and(|name| name == "super") => return self.add(span, &path[1..]),
            Some("self") | None => return,
            Some(_) => path.to_vec(),
        };
        self.found.push(Reference { line: span.start().line, path });
    }

    /// A path after `<T>::` belongs to a type; after `<T as a::B>::` it starts with the trait's own path.
    fn maybe_qualified<'ast>(&mut self, qself: Option<&'ast syn::QSelf>, path: &'ast syn::Path) {
        if let Some(qself) = qself {
            self.visit_type(&qself.ty);
        }
        if qself.is_some_and(|qself| qself.position == 0) {
            path.segments.iter().for_each(|segment| self.visit_path_segment(segment));
        } else {
            self.visit_path(path);
        }
    }

    fn use_tree(&mut self, prefix: &[String], tree: &syn::UseTree) {
        let with = |ident: &syn::Ident| [prefix, &[ident.to_string()]].concat();
        match tree {
            syn::UseTree::Path(inner) => self.use_tree(&with(&inner.ident), &inner.tree),
            syn::UseTree::Group(group) => group.items.iter().for_each(|item| self.use_tree(prefix, item)),
            syn::UseTree::Name(syn::UseName { ident }) | syn::UseTree::Rename(syn::UseRename { ident, .. }) => {
                let path = if ident == "self" { prefix.to_vec() } else { with(ident) };
                self.add(ident.span(), &path);
            }
            syn::UseTree::Glob(glob) => self.add(glob.star_token.spans[0], &[prefix, &["*".to_owned()]].concat()),
        }
    }

    fn tokens(&mut self, prefix: &[String], tokens: TokenStream) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut at = 0;
        while at < tokens.len() {
            match &tokens[at] {
                TokenTree::Group(group) => self.tokens(&[], group.stream()),
                TokenTree::Ident(first) if !continues(&tokens[..at]) => {
                    let mut path = [prefix, &[first.to_string()]].concat();
                    while colons(&tokens[at + 1..]) {
                        match tokens.get(at + 3) {
                            Some(TokenTree::Ident(next)) => path.push(next.to_string()),
                            Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace => {
                                self.tokens(&path, group.stream());
                                break;
                            }
                            _ => break,
                        }
                        at += 3;
                    }
                    if path.len() > 1 {
                        self.add(first.span(), &path);
                    }
                }
                _ => {}
            }
            at += 1;
        }
    }
}

/// Whether the tokens start with `::`.
fn colons(tokens: &[TokenTree]) -> bool {
    match tokens {
        [TokenTree::Punct(a), TokenTree::Punct(b), ..] => a.as_char() == ':' && a.spacing() == Spacing::Joint && b.as_char() == ':',
        _ => false,
    }
}

/// Whether the tokens end in `>::`: what follows belongs to a type, not to a crate or module.
fn continues(tokens: &[TokenTree]) -> bool {
    match tokens {
        [.., TokenTree::Punct(angle), a, b] => angle.as_char() == '>' && colons(&[a.clone(), b.clone()]),
        _ => false,
    }
}

impl<'ast> Visit<'ast> for Names {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        self.place.push(item.ident.to_string());
        visit::visit_item_mod(self, item);
        self.place.pop();
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.use_tree(&[], &item.tree);
    }

    fn visit_item_extern_crate(&mut self, item: &'ast syn::ItemExternCrate) {
        self.add(item.ident.span(), &[item.ident.to_string()]);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let names: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        if let ([_, _, ..], Some(first)) = (names.as_slice(), path.segments.first()) {
            self.add(first.ident.span(), &names);
        }
        visit::visit_path(self, path);
    }

    fn visit_expr_path(&mut self, expr: &'ast syn::ExprPath) {
        self.maybe_qualified(expr.qself.as_ref(), &expr.path);
    }

    fn visit_type_path(&mut self, ty: &'ast syn::TypePath) {
        self.maybe_qualified(ty.qself.as_ref(), &ty.path);
    }

    /// `pub(crate)` and `pub(in path)` widen what others see; they import nothing.
    fn visit_vis_restricted(&mut self, _: &'ast syn::VisRestricted) {}

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        self.visit_path(&call.path);
        self.tokens(&[], call.tokens.clone());
    }

    fn visit_meta_list(&mut self, list: &'ast syn::MetaList) {
        self.visit_path(&list.path);
        self.tokens(&[], list.tokens.clone());
    }
}
