//! Which module has which directive, in httpd 2.4 with its own modules: asked of httpd 2.4.71 with
//! `<IfDirective>`. Sections begin with `<`. Third-party modules are not listed, so that an unknown
//! directive says nothing as long as a module is loaded that is not listed here.

use std::collections::HashMap;
use std::sync::LazyLock;

/// Modules and their directives. `core_module` stands for all that cannot be left out.
const TABLE: &[(&str, &str)] = &[
    (
        "core_module",
        "<Directory <DirectoryMatch <Else <ElseIf <Files <FilesMatch <If <IfDefine <IfDirective \
         <IfFile <IfModule <IfSection <IfVersion <Limit <LimitExcept <Location <LocationMatch \
         <VirtualHost AcceptFilter AcceptPathInfo AccessFileName AddDefaultCharset \
         AllowEncodedSlashes AllowOverride AllowOverrideList BufferedLogs CGIPassAuth CGIVar \
         ChrootDir ContentDigest CoreDumpDirectory CustomLog DefaultRuntimeDir DefaultType Define \
         DocumentRoot EnableMMAP EnableSendfile Error ErrorDocument ErrorLog ErrorLogFormat \
         ExtendedStatus FileETag FlushMaxPipelined FlushMaxThreshold ForceType GlobalLog Group \
         HostnameLookups HttpProtocolOptions Include IncludeOptional KeepAlive KeepAliveTimeout \
         LimitInternalRecursion LimitRequestBody LimitRequestFields LimitRequestFieldsize \
         LimitRequestLine LimitXMLRequestBody Listen ListenBacklog ListenCoresBucketsRatio \
         ListenTCPDeferAccept LoadFile LoadModule LogFormat LogIOTrackTTFB LogLevel \
         MaxKeepAliveRequests MaxMemFree MaxRangeOverlaps MaxRangeReversals MaxRanges \
         MaxRequestsPerChild MergeSlashes MergeTrailers Mutex NameVirtualHost Options PidFile Port \
         Protocol Protocols ProtocolsHonorOrder QualifyRedirectURL ReadBufferSize ReceiveBufferSize \
         RegexDefaultOptions RegisterHttpMethod RLimitCPU RLimitMEM RLimitNPROC ScoreBoardFile \
         SeeRequestTail SendBufferSize ServerAdmin ServerAlias ServerName ServerPath ServerRoot \
         ServerSignature ServerTokens SetHandler SetInputFilter SetOutputFilter StrictHostCheck \
         Suexec ThreadStackSize Timeout TraceEnable TransferLog UnDefine UseCanonicalName \
         UseCanonicalPhysicalPort User WatchdogInterval",
    ),
    ("access_compat_module", "Allow Deny Order Satisfy"),
    ("actions_module", "Action Script"),
    (
        "alias_module",
        "Alias AliasMatch AliasPreservePath Redirect RedirectMatch RedirectPermanent RedirectRelative \
         RedirectTemp ScriptAlias ScriptAliasMatch",
    ),
    ("allowmethods_module", "AllowMethods"),
    (
        "auth_basic_module",
        "AuthBasicAuthoritative AuthBasicFake AuthBasicProvider AuthBasicUseDigestAlgorithm",
    ),
    (
        "auth_digest_module",
        "AuthDigestAlgorithm AuthDigestDomain AuthDigestNcCheck AuthDigestNonceLifetime \
         AuthDigestProvider AuthDigestQop AuthDigestShmemSize",
    ),
    (
        "auth_form_module",
        "AuthFormAuthoritative AuthFormBody AuthFormDisableNoStore AuthFormFakeBasicAuth \
         AuthFormLocation AuthFormLoginRequiredLocation AuthFormLoginSuccessLocation \
         AuthFormLogoutLocation AuthFormMethod AuthFormMimetype AuthFormPassword AuthFormProvider \
         AuthFormSitePassphrase AuthFormSize AuthFormUsername",
    ),
    (
        "authn_anon_module",
        "Anonymous Anonymous_LogEmail Anonymous_MustGiveEmail Anonymous_NoUserId \
         Anonymous_VerifyEmail",
    ),
    ("authn_core_module", "<AuthnProviderAlias AuthName AuthType"),
    ("authn_dbd_module", "AuthDBDUserPWQuery AuthDBDUserRealmQuery"),
    ("authn_dbm_module", "AuthDBMType AuthDBMUserFile"),
    ("authn_file_module", "AuthUserFile"),
    (
        "authn_socache_module",
        "AuthnCacheContext AuthnCacheEnable AuthnCacheProvideFor AuthnCacheSOCache AuthnCacheTimeout",
    ),
    (
        "authnz_fcgi_module",
        "AuthnzFcgiCheckAuthnProvider AuthnzFcgiDefineProvider",
    ),
    (
        "authnz_ldap_module",
        "AuthLDAPAuthorizePrefix AuthLDAPBindAuthoritative AuthLDAPBindDN AuthLDAPBindPassword \
         AuthLDAPCharsetConfig AuthLDAPCompareAsUser AuthLDAPCompareDNOnServer \
         AuthLDAPDereferenceAliases AuthLDAPGroupAttribute AuthLDAPGroupAttributeIsDN \
         AuthLDAPInitialBindAsUser AuthLDAPInitialBindPattern AuthLDAPMaxSubGroupDepth \
         AuthLDAPRemoteUserAttribute AuthLDAPRemoteUserIsDN AuthLDAPSearchAsUser \
         AuthLDAPSubGroupAttribute AuthLDAPSubGroupClass AuthLDAPURL",
    ),
    (
        "authz_core_module",
        "<AuthzProviderAlias <RequireAll <RequireAny <RequireNone AuthMerging \
         AuthzSendForbiddenOnFailure Require",
    ),
    (
        "authz_dbd_module",
        "AuthzDBDLoginToReferer AuthzDBDQuery AuthzDBDRedirectQuery",
    ),
    ("authz_dbm_module", "AuthDBMGroupFile AuthzDBMType"),
    ("authz_groupfile_module", "AuthGroupFile"),
    (
        "autoindex_module",
        "AddAlt AddAltByEncoding AddAltByType AddDescription AddIcon AddIconByEncoding AddIconByType \
         DefaultIcon FancyIndexing HeaderName IndexHeadInsert IndexIgnore IndexIgnoreReset \
         IndexOptions IndexOrderDefault IndexStyleSheet ReadmeName",
    ),
    (
        "brotli_module",
        "BrotliAlterETag BrotliCompressionMaxInputBlock BrotliCompressionQuality \
         BrotliCompressionWindow BrotliFilterNote",
    ),
    ("buffer_module", "BufferSize"),
    (
        "cache_disk_module",
        "CacheDirLength CacheDirLevels CacheMaxFileSize CacheMinFileSize CacheReadSize CacheReadTime \
         CacheRoot",
    ),
    (
        "cache_module",
        "CacheDefaultExpire CacheDetailHeader CacheDisable CacheEnable CacheHeader \
         CacheIgnoreCacheControl CacheIgnoreHeaders CacheIgnoreNoLastMod CacheIgnoreQueryString \
         CacheIgnoreURLSessionIdentifiers CacheKeyBaseURL CacheLastModifiedFactor CacheLock \
         CacheLockMaxAge CacheLockPath CacheMaxExpire CacheMinExpire CacheQuickHandler \
         CacheStaleOnError CacheStoreExpired CacheStoreNoStore CacheStorePrivate",
    ),
    (
        "cache_socache_module",
        "CacheSocache CacheSocacheMaxSize CacheSocacheMaxTime CacheSocacheMinTime \
         CacheSocacheReadSize CacheSocacheReadTime",
    ),
    ("cern_meta_module", "MetaDir MetaFiles MetaSuffix"),
    (
        "cgi_module",
        "CGIScriptTimeout ScriptLog ScriptLogBuffer ScriptLogLength",
    ),
    (
        "cgid_module",
        "CGIDScriptTimeout ScriptLog ScriptLogBuffer ScriptLogLength ScriptSock",
    ),
    (
        "charset_lite_module",
        "CharsetDefault CharsetOptions CharsetSourceEnc",
    ),
    ("dav_fs_module", "DAVLockDB"),
    (
        "dav_module",
        "DAV DAVBasePath DAVDepthInfinity DAVLockDiscovery DAVMinTimeout",
    ),
    (
        "dbd_module",
        "DBDExptime DBDInitSQL DBDKeep DBDMax DBDMin DBDParams DBDPersist DBDPrepareSQL DBDriver",
    ),
    (
        "deflate_module",
        "DeflateAlterEtag DeflateBufferSize DeflateCompressionLevel DeflateFilterNote \
         DeflateInflateLimitRequestBody DeflateInflateRatioBurst DeflateInflateRatioLimit \
         DeflateMemLevel DeflateWindowSize",
    ),
    ("dialup_module", "ModemStandard"),
    (
        "dir_module",
        "DirectoryCheckHandler DirectoryIndex DirectoryIndexRedirect DirectorySlash FallbackResource",
    ),
    ("dumpio_module", "DumpIOInput DumpIOOutput"),
    ("echo_module", "ProtocolEcho"),
    ("env_module", "PassEnv SetEnv UnsetEnv"),
    ("expires_module", "ExpiresActive ExpiresByType ExpiresDefault"),
    ("ext_filter_module", "ExtFilterDefine ExtFilterOptions"),
    ("file_cache_module", "cachefile mmapfile"),
    (
        "filter_module",
        "AddOutputFilterByType FilterChain FilterDeclare FilterProtocol FilterProvider FilterTrace",
    ),
    ("headers_module", "Header RequestHeader"),
    ("heartbeat_module", "HeartbeatAddress"),
    (
        "heartmonitor_module",
        "HeartbeatListen HeartbeatMaxServers HeartbeatStorage",
    ),
    (
        "http2_module",
        "H2CopyFiles H2Direct H2EarlyHint H2EarlyHints H2MaxDataFrameLen H2MaxHeaderBlockLen \
         H2MaxSessionStreams H2MaxStreamErrors H2MaxWorkerIdleSeconds H2MaxWorkers H2MinWorkers \
         H2ModernTLSOnly H2OutputBuffering H2Padding H2ProxyRequests H2Push H2PushDiarySize \
         H2PushPriority H2PushResource H2SerializeHeaders H2SessionExtraFiles H2StreamMaxMemSize \
         H2StreamTimeout H2TLSCoolDownSecs H2TLSWarmUpSize H2Upgrade H2WebSockets H2WindowSize",
    ),
    ("ident_module", "IdentityCheck IdentityCheckTimeout"),
    ("imagemap_module", "ImapBase ImapDefault ImapMenu"),
    (
        "include_module",
        "SSIEndTag SSIErrorMsg SSIEtag SSILastModified SSILegacyExprParser SSIStartTag SSITimeFormat \
         SSIUndefinedEcho XBitHack",
    ),
    ("info_module", "AddModuleInfo"),
    ("lbmethod_heartbeat_module", "HeartbeatStorage"),
    (
        "ldap_module",
        "LDAPCacheEntries LDAPCacheTTL LDAPConnectionPoolTTL LDAPConnectionTimeout LDAPLibraryDebug \
         LDAPOpCacheEntries LDAPOpCacheTTL LDAPReferralHopLimit LDAPReferrals LDAPRetries \
         LDAPRetryDelay LDAPSharedCacheFile LDAPSharedCacheSize LDAPTimeout LDAPTrustedClientCert \
         LDAPTrustedGlobalCert LDAPTrustedMode LDAPVerifyServerCert",
    ),
    ("log_debug_module", "LogMessage"),
    ("log_forensic_module", "ForensicLog"),
    (
        "lua_module",
        "<LuaHookAccessChecker <LuaHookAuthChecker <LuaHookCheckUserID <LuaHookFixups \
         <LuaHookMapToStorage <LuaHookPreTranslateName <LuaHookTranslateName <LuaHookTypeChecker \
         <LuaQuickHandler Lua_____ByteCodeHack LuaAuthzProvider LuaCodeCache LuaHookAccessChecker \
         LuaHookAuthChecker LuaHookCheckUserID LuaHookFixups LuaHookInsertFilter LuaHookLog \
         LuaHookMapToStorage LuaHookPreTranslateName LuaHookTranslateName LuaHookTypeChecker \
         LuaInherit LuaInputFilter LuaMapHandler LuaOutputFilter LuaPackageCPath LuaPackagePath \
         LuaQuickHandler LuaRoot LuaScope",
    ),
    (
        "macro_module",
        "<Macro MacroIgnoreBadNesting MacroIgnoreEmptyArgs UndefMacro Use",
    ),
    (
        "md_module",
        "<MDomain <MDomainSet MDActivationDelay MDBaseServer MDCACertificateFile MDCAChallenges \
         MDCertificateAgreement MDCertificateAuthority MDCertificateCheck MDCertificateFile \
         MDCertificateKeyFile MDCertificateProtocol MDCertificateStatus MDChallengeDns01 \
         MDChallengeDns01Version MDCheckInterval MDContactEmail MDDriveMode MDExternalAccountBinding \
         MDHttpProxy MDHttpProxyCACertificateFile MDInitialDelay MDMatchNames MDMember MDMembers \
         MDMessageCmd MDMustStaple MDNotifyCmd MDomain MDPortMap MDPrivateKeys MDProfile \
         MDProfileMandatory MDRenewMode MDRenewViaARI MDRenewWindow MDRequireHttps MDRetryDelay \
         MDRetryFailover MDServerStatus MDStapleOthers MDStapling MDStaplingKeepResponse \
         MDStaplingRenewWindow MDStoreDir MDStoreLocks MDWarnWindow",
    ),
    ("mime_magic_module", "MimeMagicFile"),
    (
        "mime_module",
        "AddCharset AddEncoding AddHandler AddInputFilter AddLanguage AddOutputFilter AddType \
         DefaultLanguage ModMimeUsePathInfo MultiviewsMatch RemoveCharset RemoveEncoding \
         RemoveHandler RemoveInputFilter RemoveLanguage RemoveOutputFilter RemoveType TypesConfig",
    ),
    (
        "mpm_event_module",
        "AsyncRequestWorkerFactor GracefulShutdownTimeout MaxClients MaxConnectionsPerChild \
         MaxRequestWorkers MaxSpareThreads MinSpareThreads ServerLimit StartServers ThreadLimit \
         ThreadsPerChild",
    ),
    (
        "mpm_prefork_module",
        "GracefulShutdownTimeout MaxClients MaxRequestWorkers MaxSpareServers MinSpareServers \
         ServerLimit StartServers",
    ),
    (
        "mpm_worker_module",
        "GracefulShutdownTimeout MaxClients MaxRequestWorkers MaxSpareThreads MinSpareThreads \
         ServerLimit StartServers ThreadLimit ThreadsPerChild",
    ),
    (
        "negotiation_module",
        "CacheNegotiatedDocs ForceLanguagePriority LanguagePriority",
    ),
    ("proxy_connect_module", "AllowCONNECT"),
    (
        "proxy_express_module",
        "ProxyExpressDBMFile ProxyExpressDBMType ProxyExpressEnable",
    ),
    ("proxy_fcgi_module", "ProxyFCGIBackendType ProxyFCGISetEnvIf"),
    (
        "proxy_ftp_module",
        "ProxyFtpDirCharset ProxyFtpEscapeWildcards ProxyFtpListOnWildcard",
    ),
    ("proxy_hcheck_module", "ProxyHCExpr ProxyHCTemplate ProxyHCTPsize"),
    (
        "proxy_html_module",
        "ProxyHTMLBufSize ProxyHTMLCharsetOut ProxyHTMLDoctype ProxyHTMLEnable ProxyHTMLEvents \
         ProxyHTMLExtended ProxyHTMLFixups ProxyHTMLInterp ProxyHTMLLinks ProxyHTMLMeta \
         ProxyHTMLStripComments ProxyHTMLURLMap",
    ),
    (
        "proxy_module",
        "<Proxy <ProxyMatch BalancerGrowth BalancerInherit BalancerMember BalancerPersist NoProxy \
         Proxy100Continue ProxyAddHeaders ProxyBadHeader ProxyBlock ProxyDomain ProxyErrorOverride \
         ProxyIOBufferSize ProxyMaxForwards ProxyPass ProxyPassInherit ProxyPassInterpolateEnv \
         ProxyPassMatch ProxyPassReverse ProxyPassReverseCookieDomain ProxyPassReverseCookiePath \
         ProxyPreserveHost ProxyReceiveBufferSize ProxyRemote ProxyRemoteMatch ProxyRequests ProxySet \
         ProxySourceAddress ProxyStatus ProxyTimeout ProxyVia",
    ),
    ("proxy_scgi_module", "ProxySCGIInternalRedirect ProxySCGISendfile"),
    ("proxy_wstunnel_module", "ProxyWebsocketFallbackToProxyHttp"),
    ("reflector_module", "ReflectorHeader"),
    (
        "remoteip_module",
        "RemoteIPHeader RemoteIPInternalProxy RemoteIPInternalProxyList RemoteIPProxiesHeader \
         RemoteIPProxyProtocol RemoteIPProxyProtocolExceptions RemoteIPTrustedProxy \
         RemoteIPTrustedProxyList",
    ),
    ("reqtimeout_module", "RequestReadTimeout"),
    ("request_module", "KeptBodySize"),
    (
        "rewrite_module",
        "RewriteBase RewriteCond RewriteEngine RewriteMap RewriteOptions RewriteRule",
    ),
    ("sed_module", "InputSed OutputSed"),
    (
        "session_cookie_module",
        "session SessionCookieName SessionCookieName2 SessionCookieRemove",
    ),
    (
        "session_crypto_module",
        "SessionCryptoCipher SessionCryptoDriver SessionCryptoPassphrase SessionCryptoPassphraseFile",
    ),
    (
        "session_dbd_module",
        "session SessionDBDCookieName SessionDBDCookieName2 SessionDBDCookieRemove \
         SessionDBDDeleteLabel SessionDBDInsertLabel SessionDBDPerUser SessionDBDSelectLabel \
         SessionDBDUpdateLabel",
    ),
    (
        "session_module",
        "Session SessionEnv SessionExclude SessionExpiryUpdateInterval SessionHeader SessionInclude \
         SessionMaxAge",
    ),
    (
        "setenvif_module",
        "BrowserMatch BrowserMatchNoCase SetEnvIf SetEnvIfExpr SetEnvIfNoCase",
    ),
    ("socache_memcache_module", "MemcacheConnTTL"),
    ("socache_redis_module", "RedisConnPoolTTL RedisTimeout"),
    ("speling_module", "CheckBasenameMatch CheckCaseOnly CheckSpelling"),
    (
        "ssl_module",
        "SSLCACertificateFile SSLCACertificatePath SSLCADNRequestFile SSLCADNRequestPath \
         SSLCARevocationCheck SSLCARevocationFile SSLCARevocationPath SSLCertificateChainFile \
         SSLCertificateFile SSLCertificateKeyFile SSLCipherSuite SSLCompression SSLCryptoDevice \
         SSLEngine SSLFIPS SSLHonorCipherOrder SSLInsecureRenegotiation SSLLog SSLLogLevel \
         SSLOCSPDefaultResponder SSLOCSPEnable SSLOCSPNoVerify SSLOCSPOverrideResponder \
         SSLOCSPProxyURL SSLOCSPResponderCertificateFile SSLOCSPResponderTimeout \
         SSLOCSPResponseMaxAge SSLOCSPResponseTimeSkew SSLOCSPUseRequestNonce SSLOpenSSLConfCmd \
         SSLOptions SSLPassPhraseDialog SSLProtocol SSLProxyCACertificateFile \
         SSLProxyCACertificatePath SSLProxyCARevocationCheck SSLProxyCARevocationFile \
         SSLProxyCARevocationPath SSLProxyCheckPeerCN SSLProxyCheckPeerExpire SSLProxyCheckPeerName \
         SSLProxyCipherSuite SSLProxyEngine SSLProxyMachineCertificateChainFile \
         SSLProxyMachineCertificateFile SSLProxyMachineCertificatePath SSLProxyProtocol \
         SSLProxyVerify SSLProxyVerifyDepth SSLRandomSeed SSLRenegBufferSize SSLRequire SSLRequireSSL \
         SSLSessionCache SSLSessionCacheTimeout SSLSessionTicketKeyFile SSLSessionTickets \
         SSLSRPUnknownUserSeed SSLSRPVerifierFile SSLStaplingCache SSLStaplingErrorCacheTimeout \
         SSLStaplingFakeTryLater SSLStaplingForceURL SSLStaplingResponderTimeout \
         SSLStaplingResponseMaxAge SSLStaplingResponseTimeSkew SSLStaplingReturnResponderErrors \
         SSLStaplingStandardCacheTimeout SSLStrictSNIVHostCheck SSLUserName SSLUseStapling \
         SSLVerifyClient SSLVerifyDepth SSLVHostSNIPolicy",
    ),
    (
        "substitute_module",
        "Substitute SubstituteInheritBefore SubstituteMaxLineLength",
    ),
    ("suexec_module", "SuexecUserGroup"),
    ("userdir_module", "UserDir"),
    (
        "usertrack_module",
        "CookieDomain CookieExpires CookieHttpOnly CookieName CookieSameSite CookieSecure CookieStyle \
         CookieTracking",
    ),
    (
        "vhost_alias_module",
        "VirtualDocumentRoot VirtualDocumentRootIP VirtualScriptAlias VirtualScriptAliasIP",
    ),
    ("xml2enc_module", "xml2EncAlias xml2EncDefault xml2StartParse"),
];

/// Standard modules without directives.
const WITHOUT: &str = "access_compat_module asis_module authz_user_module data_module dav_lock_module \
     lbmethod_bybusyness_module lbmethod_byrequests_module lbmethod_bytraffic_module \
     lbmethod_heartbeat_module log_debug_module proxy_ajp_module proxy_balancer_module \
     proxy_fdpass_module proxy_http_module proxy_http2_module proxy_scgi_module proxy_uwsgi_module \
     proxy_wstunnel_module ratelimit_module slotmem_plain_module slotmem_shm_module socache_dbm_module \
     socache_redis_module socache_shmcb_module status_module unique_id_module so_module http_module \
     watchdog_module log_config_module logio_module version_module unixd_module systemd_module \
     authz_host_module authz_owner_module dumpio_module";

/// By lower-case name: the modules that have it.
static BY_NAME: LazyLock<HashMap<String, Vec<&'static str>>> = LazyLock::new(|| {
    let mut names: HashMap<String, Vec<&'static str>> = HashMap::new();
    for (module, directives) in TABLE {
        for name in directives.split_whitespace() {
            names.entry(name.to_ascii_lowercase()).or_default().push(module);
        }
    }
    names
});

/// The standard modules that have a directive; empty for an unknown one. Sections are asked with `<`.
pub(super) fn modules_of(name: &str) -> &'static [&'static str] {
    BY_NAME.get(&name.to_ascii_lowercase()).map_or(&[], Vec::as_slice)
}

/// The module is one of httpd's own, so that all its directives are known.
pub(super) fn is_standard_module(identifier: &str) -> bool {
    TABLE.iter().any(|(module, _)| *module == identifier)
        || WITHOUT.split_whitespace().any(|module| module == identifier)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directive_is_found_in_any_case() {
        assert_eq!(modules_of("proxypass"), ["proxy_module"]);
        assert_eq!(modules_of("<LOCATION"), ["core_module"]);
        assert!(modules_of("ProxyPas").is_empty());
        assert!(is_standard_module("proxy_http_module"));
        assert!(!is_standard_module("wsgi_module"));
    }
}
